import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sfm_core import decode, encode
from sfm_core.coordinates import Coordinate
from sfm_core.decode.limits import MAX_BATCH_ITEMS, MAX_TEXT_BYTES
from sfm_core.errors import InvalidInput
from sfm_core.jsontext import dumps, loads
from sfm_core.model import Kind, MemoryDraft

STRINGS = st.text(max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | STRINGS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(STRINGS, inner, max_size=5),
    max_leaves=15,
)
NAMES = st.sampled_from(
    [*MemoryDraft.__dataclass_fields__, "coordinate", "items", "id", "version", "Payload", ""]
)
MEMORY_LIKE = st.dictionaries(NAMES, JSON, max_size=8) | JSON

CLEAN = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20
)
TIMES = st.datetimes(timezones=st.just(UTC)).map(
    lambda at: at.isoformat(timespec="microseconds").replace("+00:00", "Z")
)
PAYLOADS = st.dictionaries(
    CLEAN,
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | CLEAN | st.lists(CLEAN),
    max_size=5,
)
GOOD = st.fixed_dictionaries(
    {"payload": PAYLOADS},
    optional={
        "kind": st.sampled_from(["episodic", "semantic"]),
        "text": st.just("") | CLEAN,
        "importance": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 9),
        "tags": st.lists(CLEAN, max_size=32),
        "session": CLEAN,
        "source": CLEAN,
        "occurred_at": TIMES,
        "expires_at": TIMES,
        "pinned": st.booleans(),
    },
)


def faults(raw: object, **more: object) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as caught:
        decode.memory_draft(raw, **more)  # type: ignore[arg-type]
    return [(fault.path, fault.message) for fault in caught.value.faults]


@given(raw=MEMORY_LIKE)
@example({"payload": {}, "tags": [None, 1, {}]})
@example({"payload": {"a": float("nan")}})
@example({"payload": {1: 2}})
def test_whatever_comes_nothing_but_invalid_input_is_raised(raw: object) -> None:
    for judge in (decode.memory_draft, decode.memory_with_coordinate, decode.batch,
                  decode.coordinate_list):  # fmt: skip
        try:
            judge(raw)
        except InvalidInput as error:
            found = error.faults
        else:
            continue
        assert found
        assert all(fault.message for fault in found)


@given(raw=GOOD)
def test_every_accepted_draft_survives_encoding_and_decoding(raw: dict[str, Any]) -> None:
    draft = decode.memory_draft(raw)
    again = decode.memory_draft(loads(json.dumps(encode.draft(draft))))
    assert again == draft
    assert repr(again.importance) == repr(draft.importance)


@given(raw=GOOD)
def test_what_was_said_is_what_is_kept(raw: dict[str, Any]) -> None:
    draft = decode.memory_draft(raw)
    assert draft.payload == raw["payload"]
    assert draft.kind is Kind(raw.get("kind", "episodic"))
    assert draft.importance == raw.get("importance", 1.0)
    assert list(draft.tags) == list(dict.fromkeys(raw.get("tags", [])))
    for name in ("text", "session", "source"):
        assert getattr(draft, name) == raw.get(name)
    assert draft.pinned is raw.get("pinned", False)


def test_all_faults_come_at_once_each_with_its_path() -> None:
    raw = {
        "kind": "dream",
        "importance": True,
        "tags": ["fine", "", 3, "x" * 129],
        "session": "",
        "source": "s" * 257,
        "occurred_at": "2026-05-01T12:00:00",
        "expires_at": 3,
        "pinned": 1,
        "version": 3,
        "coordinate": [1],
        "Text": "x",
    }
    assert faults(raw) == [
        ("/payload", "is required"),
        ("/kind", "must be one of episodic, semantic"),
        ("/importance", "must be a number"),
        ("/tags/1", "must not be empty"),
        ("/tags/2", "must be a string"),
        ("/tags/3", "must have at most 128 characters"),
        ("/session", "must not be empty"),
        ("/source", "must have at most 256 characters"),
        (
            "/occurred_at",
            "must be an RFC 3339 time with an offset, such as 2026-05-01T12:00:00Z",
        ),
        (
            "/expires_at",
            "must be an RFC 3339 time with an offset, such as 2026-05-01T12:00:00Z",
        ),
        ("/pinned", "must be true or false"),
        ("/version", "is set by the store and cannot be given"),
        ("/coordinate", "is not part of the memory here: the address names it"),
        ("/Text", "is not a known field; did you mean text?"),
    ]


@pytest.mark.parametrize("raw", [None, [], "x", 3, True])
def test_a_memory_is_an_object(raw: object) -> None:
    assert faults(raw) == [("", "must be an object")]


@pytest.mark.parametrize("payload", [None, [], "x", 3])
def test_a_payload_is_an_object(payload: object) -> None:
    assert faults({"payload": payload}, path="/m") == [("/m/payload", "must be an object")]


@pytest.mark.parametrize(
    "name", ["text", "kind", "importance", "tags", "session", "occurred_at", "pinned"]
)
def test_null_is_not_the_same_as_absent(name: str) -> None:
    assert [path for path, _ in faults({"payload": {}, name: None})] == [f"/{name}"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**63])
def test_numbers_are_finite_and_in_range_on_every_door(value: float) -> None:
    assert faults({"payload": {}, "importance": value})[0][0] == "/importance"
    assert faults({"payload": {"a": [value]}})[0][0] == "/payload/a/0"


def test_text_is_bounded_in_bytes_not_characters() -> None:
    fits = "ä" * (MAX_TEXT_BYTES // 2)
    assert decode.memory_draft({"payload": {}, "text": fits}).text == fits
    assert [path for path, _ in faults({"payload": {}, "text": fits + "a"})] == ["/text"]


def test_text_taken_from_the_payload_has_the_same_bound() -> None:
    payload = {"a": "x" * (MAX_TEXT_BYTES // 2), "b": "x" * (MAX_TEXT_BYTES // 2)}
    assert [path for path, _ in faults({"payload": payload})] == ["/payload"]
    assert decode.memory_draft({"payload": payload, "text": "short"}).text == "short"


def test_tags_are_bounded_and_kept_once_in_their_order() -> None:
    assert decode.memory_draft({"payload": {}, "tags": ["b", "a", "b"]}).tags == ("b", "a")
    tags = [str(i) for i in range(33)]
    assert faults({"payload": {}, "tags": tags}) == [("/tags", "must have at most 32 tags")]


def test_a_payload_nested_too_deep_is_refused_on_every_door() -> None:
    deep: dict[str, Any] = {}
    for _ in range(40):
        deep = {"a": deep}
    [(path, message)] = faults({"payload": deep})
    assert path.startswith("/payload/a/a/")
    assert message == "is nested deeper than 32"


# --- times ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-05-01T12:00:00Z", datetime(2026, 5, 1, 12, tzinfo=UTC)),
        ("2026-05-01t12:00:00z", datetime(2026, 5, 1, 12, tzinfo=UTC)),
        ("2026-05-01 14:00:00+02:00", datetime(2026, 5, 1, 12, tzinfo=UTC)),
        ("2026-05-01T12:00:00.5-00:00", datetime(2026, 5, 1, 12, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-05-01T12:00:00.1234569Z", datetime(2026, 5, 1, 12, 0, 0, 123_456, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59.999999Z", datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
        ("0001-01-01T05:00:00+05:00", datetime(1, 1, 1, tzinfo=UTC)),
        (
            "9999-12-31T18:59:59.999999-05:00",
            datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        ),
        ("2024-02-29T23:59:59-23:59", datetime(2024, 3, 1, 23, 58, 59, tzinfo=UTC)),
    ],
)
def test_times_with_an_offset_become_utc(text: str, expected: datetime) -> None:
    found = decode.memory_draft({"payload": {}, "occurred_at": text}).occurred_at
    assert found == expected
    assert found is not None
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    ["", "now", "2026-05-01", "2026-05-01T12:00:00", "2026-05-01T12:00Z", "2026-02-30T12:00:00Z",
     "2026-05-01T24:00:00Z", "2026-05-01T12:60:00Z", "2016-12-31T23:59:60Z",
     "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "0000-01-01T00:00:00Z",
     "2026-05-01T12:00:00+24:00", "2026-05-01T12:00:00.Z", "20260501T120000Z",
     "٢٠٢٦-05-01T12:00:00Z", "2026-05-01T12:00:00Z\n", "1" * 100_000],
)  # fmt: skip
def test_what_is_no_such_time_is_refused(text: str) -> None:
    assert [path for path, _ in faults({"payload": {}, "occurred_at": text})] == ["/occurred_at"]


@given(at=st.datetimes(timezones=st.timezones()))
def test_every_time_within_the_years_survives_its_text(at: datetime) -> None:
    try:
        expected = at.astimezone(UTC)
    except OverflowError:
        return
    assert decode.instant(encode.instant(at)) == expected


# --- coordinates, remember, batch ----------------------------------------------------------


def test_a_remember_may_bring_a_coordinate() -> None:
    coordinate, draft = decode.memory_with_coordinate({"payload": {"a": 1}, "coordinate": [1, 2.5]})
    assert (coordinate, draft.payload) == (Coordinate("1,2.5"), {"a": 1})
    coordinate, _ = decode.memory_with_coordinate({"payload": {}})
    assert coordinate is None


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ([], "/coordinate"),
        ("1,2", "/coordinate"),
        ([1] * 17, "/coordinate"),
        ([1, True], "/coordinate/1"),
        ([1, "2"], "/coordinate/1"),
        ([[1]], "/coordinate/0"),
        (None, "/coordinate"),
    ],
)
def test_a_wrong_coordinate_is_told_with_its_path(raw: object, path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        decode.memory_with_coordinate({"payload": {}, "coordinate": raw}, path="/x")
    assert [fault.path for fault in caught.value.faults] == [f"/x{path}"]
    with pytest.raises(InvalidInput) as caught:
        decode.coordinate_list(raw)
    assert [fault.path for fault in caught.value.faults] == [path]


def test_one_bad_item_does_not_fail_the_others() -> None:
    items = decode.batch(
        {"items": [{"payload": {"a": 1}, "coordinate": [1]}, {"payload": 3}, 7, {"payload": {}}]}
    )
    assert [item.draft is not None for item in items] == [True, False, False, True]
    assert items[0].coordinate == Coordinate("1")
    assert [[fault.path for fault in item.faults] for item in items] == [
        [],
        ["/items/1/payload"],
        ["/items/2"],
        [],
    ]


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (None, ""),
        ([], ""),
        ({}, "/items"),
        ({"items": []}, "/items"),
        ({"items": {}}, "/items"),
        ({"items": [{"payload": {}}] * (MAX_BATCH_ITEMS + 1)}, "/items"),
        ({"items": [{"payload": {}}], "mode": "x"}, "/mode"),
    ],
)
def test_what_is_wrong_around_the_items_fails_the_batch(raw: object, path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        decode.batch(raw)
    assert [fault.path for fault in caught.value.faults] == [path]


def test_each_item_of_a_batch_is_held_to_the_limits_of_one_memory() -> None:
    wide = {"payload": {f"k{i}": i for i in range(10_001)}}
    good, bad = decode.batch({"items": [{"payload": {}}, wide]})
    assert good.draft is not None
    assert bad.faults[0].path == "/items/1/payload"
    with pytest.raises(InvalidInput):
        decode.memory_draft(wide)


def test_an_item_may_be_as_large_as_a_memory_that_comes_alone() -> None:
    item = {"payload": {"blob": "x" * 100}, "text": "t"}
    size = len(dumps(item))
    [fits] = decode.batch({"items": [item]}, item_bytes=size)
    [beyond] = decode.batch({"items": [item]}, item_bytes=size - 1)
    assert fits.draft is not None
    assert [fault.path for fault in beyond.faults] == ["/items/0"]
    assert beyond.draft is None
