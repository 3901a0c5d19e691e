"""Events as they were written once are read for ever: no file under golden/ is ever changed.

A new shape gets files of its own. `v1` is what 0.1 wrote, and what it took from others.
"""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sfm_core.coordinates import Coordinate
from sfm_core.model import EventType, Kind
from sfm_events.codec import decode, encode
from sfm_events.event import MemoryEvent

GOLDEN = Path(__file__).parent / "golden" / "v1"
OURS = sorted(path.stem for path in GOLDEN.glob("*.json") if "-" not in path.stem)


def golden(name: str) -> bytes:
    return (GOLDEN / f"{name}.json").read_bytes()


def read(name: str) -> MemoryEvent:
    return decode(golden(name))


def test_there_is_one_of_every_type() -> None:
    assert set(OURS) == set(EventType)


@pytest.mark.parametrize("name", OURS)
def test_what_was_written_once_is_read_and_written_as_it_was(name: str) -> None:
    event = read(name)
    assert event.type == name
    assert event.is_canonical
    assert json.loads(encode(event)) == json.loads(golden(name))


def test_every_member_of_a_memory_comes_through() -> None:
    event = read("created")
    assert event.coordinate == Coordinate("1,2.5,-3")
    assert (event.version, event.position, event.generation) == (3, 3, 1)
    assert event.payload == {
        "said": "Tea at four",
        "n": 1,
        "f": 0.5,
        "nested": {"a": [True, None, "ü"]},
    }
    assert (event.kind, event.text, event.importance) == (Kind.SEMANTIC, "Tea at four", 0.75)
    assert (event.tags, event.session, event.source) == (("tea", "daily"), "s-1", "Caroline")
    assert event.occurred_at == datetime(2026, 4, 30, 12, tzinfo=UTC)
    assert event.expires_at == datetime(2026, 5, 31, 12, tzinfo=UTC)
    assert event.pinned


def test_the_least_of_somebody_else_comes_through() -> None:
    event = read("foreign-least")
    assert not event.is_canonical
    assert event.at == datetime(2026, 5, 1, 12, tzinfo=UTC)
    assert event.payload == {"note": "hello"}
    assert (event.kind, event.importance, event.text) == (Kind.EPISODIC, None, None)
    assert (event.coordinate, event.version, event.embedding) == (None, None, None)


def test_a_foreign_coordinate_is_ours() -> None:
    event = read("foreign-at-a-coordinate")
    assert event.coordinate == Coordinate("1,2.5,-3")
    assert (event.importance, event.tags) == (2.0, ("a",))


def test_a_foreign_embedding_and_version_come_through() -> None:
    event = read("foreign-embedded")
    assert event.embedding is not None
    assert [round(float(value), 6) for value in event.embedding] == [0.6, 0.8]
    assert (event.model_revision, event.version) == ("m@1", 7)


def test_a_foreign_end_and_a_foreign_link_come_through() -> None:
    assert read("foreign-deleted").type is EventType.DELETED
    link = read("foreign-linked").link
    assert link is not None
    assert (link.origin, link.target, link.type, link.weight) == (
        Coordinate("1"),
        Coordinate("2"),
        "related",
        None,
    )
