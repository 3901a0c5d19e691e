"""What is embedded and searched by words."""

import locale
from datetime import UTC, datetime, timedelta, timezone

import pytest

from sfm_core.model import JsonObject, MemoryDraft
from sfm_core.text import effective_text, indexed_text

MAY = datetime(2023, 5, 8, 13, 56, tzinfo=UTC)


@pytest.mark.parametrize(
    ("source", "at", "indexed"),
    [
        ("Caroline", MAY, "Caroline (8 May 2023): hi"),
        ("Caroline", None, "Caroline: hi"),
        (None, MAY, "(8 May 2023): hi"),
        (None, None, "hi"),
        ("", None, "hi"),
    ],
)
def test_the_header_says_who_and_which_day(
    source: str | None, at: datetime | None, indexed: str
) -> None:
    assert indexed_text("hi", source=source, occurred_at=at) == indexed


def test_the_same_instant_gives_the_same_text_in_every_time_zone() -> None:
    late = datetime(2023, 5, 9, 1, 0, tzinfo=timezone(timedelta(hours=3)))
    assert indexed_text("hi", source=None, occurred_at=late) == "(8 May 2023): hi"
    stored = late.astimezone(UTC)
    assert indexed_text("hi", source=None, occurred_at=stored) == "(8 May 2023): hi"


def test_the_months_are_english_whatever_the_locale() -> None:
    names = [
        indexed_text("", source=None, occurred_at=MAY.replace(month=month)).split()[1]
        for month in range(1, 13)
    ]
    before = locale.setlocale(locale.LC_TIME)
    try:
        locale.setlocale(locale.LC_TIME, "C")
        assert names == [f"{MAY.replace(month=month):%B}" for month in range(1, 13)]
    finally:
        locale.setlocale(locale.LC_TIME, before)


def test_a_given_text_is_taken_as_it_is() -> None:
    assert effective_text(MemoryDraft(payload={"a": "x"}, text="said")) == "said"
    assert effective_text(MemoryDraft(payload={"a": "x"}, text="")) == ""


def test_without_a_text_all_strings_of_the_payload_speak_in_key_order() -> None:
    payload: JsonObject = {"b": ["two", {"z": "four", "y": "three"}, 7, None, True], "a": "one"}
    assert effective_text(MemoryDraft(payload=payload)) == "one\ntwo\nthree\nfour"
