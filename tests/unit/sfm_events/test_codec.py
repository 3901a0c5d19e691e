"""Events as bytes: what goes in comes out, and what is none is refused with its paths."""

import json
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import fastjsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_links import InMemoryLinks
from sfm_core.coordinates import Coordinate
from sfm_core.decode import memory_draft
from sfm_core.errors import Fault, InvalidInput, MalformedJson, TooLarge
from sfm_core.jsontext import dumps
from sfm_core.model import Delete, EventType, LinkKey, PutLink
from sfm_core.testing.writes import an_upsert, at
from sfm_events.codec import MAX_EVENT_BYTES, decode, encode, key_of
from sfm_events.event import EventLink
from sfm_events.generated import memory_event
from sfm_events.reading import event_of
from sfm_events.writing import document_of, from_log
from tests.unit.sfm_events.events import VALUES, a_foreign_event, an_event, any_events, same


@settings(max_examples=80, deadline=None)
@given(any_events())
def test_what_is_written_is_read_again(event: Any) -> None:
    assert same(decode(encode(event)), event)


def faults_of(raw: object) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        decode(raw if isinstance(raw, bytes) else json.dumps(raw).encode())
    return {fault.path: fault.message for fault in caught.value.faults}


def a_document(**said: object) -> dict[str, object]:
    return {**document_of(a_foreign_event()), **said}


def test_the_least_that_an_event_says_is_enough() -> None:
    document = a_document()
    del document["schema_version"], document["kind"]
    assert same(decode(json.dumps(document).encode()), a_foreign_event())


@pytest.mark.parametrize("name", ["event_id", "id", "namespace", "type", "timestamp", "payload"])
def test_what_is_required_is_missed(name: str) -> None:
    document = a_document()
    del document[name]
    assert faults_of(document) == {f"/{name}": "is required"}


BAD: dict[str, tuple[dict[str, object], str]] = {
    "a later schema": ({"schema_version": 2}, "/schema_version"),
    "an id that is none": ({"id": "7"}, "/id"),
    "an id in braces": ({"event_id": "{11111111-2222-5333-8444-555555555555}"}, "/event_id"),
    "an id with a line's end": ({"id": "11111111-2222-5333-8444-555555555555\n"}, "/id"),
    "a namespace in capitals": ({"namespace": "Default"}, "/namespace"),
    "a namespace that is none": ({"namespace": 7}, "/namespace"),
    "an abridgement": ({"abridged": True}, "/abridged"),
    "an unknown type": ({"type": "forgotten"}, "/type"),
    "a time without an offset": ({"timestamp": "2026-05-01T12:00:00"}, "/timestamp"),
    "a day that is none": ({"timestamp": "2026-02-30T12:00:00Z"}, "/timestamp"),
    "a payload that is none": ({"payload": []}, "/payload"),
    "an unknown member": ({"colour": "red"}, "/colour"),
    "a misspelt member": ({"tag": ["a"]}, "/tag"),
    "a null": ({"text": None}, "/text"),
    "a kind of its own": ({"kind": "procedural"}, "/kind"),
    "importance in words": ({"importance": "high"}, "/importance"),
    "too many tags": ({"tags": [str(n) for n in range(33)]}, "/tags"),
    "a tag that is none": ({"tags": ["a", ""]}, "/tags/1"),
    "a coordinate without an axis": ({"coordinate": []}, "/coordinate"),
    "an axis that is none": ({"coordinate": [1, True]}, "/coordinate/1"),
    "a text that is too long": ({"text": "x" * (256 * 1024 + 1)}, "/text"),
    "a payload of too many words": ({"payload": {"a": "x" * (256 * 1024 + 1)}}, "/payload"),
    "a version of nothing": ({"version": 0}, "/version"),
    "a version beyond": ({"version": 2**53 + 1}, "/version"),
    "a generation alone": ({"generation": 1}, "/version"),
    "an empty embedding": ({"embedding": []}, "/embedding"),
    "an embedding of words": ({"embedding": [0.5, "x"]}, "/embedding/1"),
    "an embedding beyond float32": ({"embedding": [1e39]}, "/embedding/0"),
    "a link of a memory": ({"link": {"from": [1], "to": [2]}}, "/link"),
    "a link without ends": ({"type": "linked", "payload": {}, "link": {}}, "/link/from"),
    "a link event without one": ({"type": "linked", "payload": {}}, "/link"),
    "a link to itself": (
        {"type": "unlinked", "payload": {}, "link": {"from": [1], "to": [1.0]}},
        "/link/to",
    ),
    "an end that says something": ({"type": "deleted"}, "/payload"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_event_is_refused_where_it_is_wrong(name: str) -> None:
    said, path = BAD[name]
    assert path in faults_of(a_document(**said))


def test_every_fault_is_told_at_once() -> None:
    found = faults_of(a_document(id="7", tags=[1], timestamp="now", colour="red"))
    assert set(found) == {"/id", "/tags/0", "/timestamp", "/colour"}


def test_a_misspelt_member_is_guessed() -> None:
    assert "payload" in faults_of(a_document(paylod={}))["/paylod"]


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"", MalformedJson),
        (b"\xff\xfe", MalformedJson),
        (b"{", MalformedJson),
        (b"[" * 40 + b"]" * 40, InvalidInput),
        (b"7", InvalidInput),
        (b'{"id":1,"id":2}', InvalidInput),
        (b'{"payload":{"a":NaN}}', InvalidInput),
        (b'{"payload":{"a":1e400}}', InvalidInput),
        (b'{"payload":{"a":"\\u0000"}}', InvalidInput),
        (b'{"payload":{"\\ud800":1}}', InvalidInput),
        (b'"' + b"x" * MAX_EVENT_BYTES + b'"', TooLarge),
    ],
)
def test_what_is_no_json_of_ours_is_refused(raw: bytes, kind: type[InvalidInput]) -> None:
    with pytest.raises(kind):
        decode(raw)


def test_a_foreign_event_says_no_more_than_a_request_may() -> None:
    large = {"a": ["x" * 1000] * 1100}
    assert "" in faults_of(a_document(payload=large, text="short"))
    decode(encode(an_event(payload=large, text="short")))


def test_a_foreign_event_has_no_more_members_than_a_request_may() -> None:
    """What is stored of it is published again, beside what we say of it."""
    keys = {str(n): 0 for n in range(10_001)}
    assert faults_of(a_document(payload=keys, text="short"))
    decode(encode(a_foreign_event(payload={str(n): 0 for n in range(9_990)}, text="short")))


def test_the_logs_events_of_a_newer_version_are_read_as_far_as_they_are_known() -> None:
    """While processes are replaced, newer ones publish what older ones consume."""
    newer = document_of(an_event()) | {"schema_version": 2, "colour": "red"}
    assert same(decode(json.dumps(newer).encode()), an_event())
    assert "/colour" in faults_of(newer | {"schema_version": 1})


def test_what_cannot_be_read_is_not_written() -> None:
    for wrong in (
        an_event(payload={"a": float("nan")}),
        an_event(text="\ud800"),
        an_event(namespace="No"),
        an_event(model_revision="\0"),
        a_foreign_event(type=EventType.LINKED),
    ):
        with pytest.raises(InvalidInput):
            encode(wrong)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(["payload", "kind", "text", "tags", "pinned"]), VALUES))
def test_a_memory_gets_the_verdict_it_gets_at_every_other_door(said: dict[str, object]) -> None:
    def verdict(judge: Callable[[], object]) -> set[tuple[str, str]]:
        try:
            judge()
        except InvalidInput as error:
            return {(fault.path, fault.message) for fault in error.faults}
        return set()

    rest = {name: value for name, value in a_document().items() if name not in {"payload", "kind"}}
    assert verdict(lambda: event_of({**rest, **said})) == verdict(lambda: memory_draft(said))


@settings(max_examples=150, deadline=None)
@given(any_events(), st.data())
def test_the_schema_refuses_nothing_that_is_read(event: Any, data: st.DataObject) -> None:
    """And what it is refused for stands in the schema, but for what a schema cannot say."""
    document: dict[str, object] = deepcopy(document_of(event))
    name = data.draw(st.sampled_from(sorted([*document, "colour", "link", "generation"])))
    if data.draw(st.booleans()):
        document.pop(name, None)
    else:
        document[name] = data.draw(VALUES)
    check: Callable[[object], object] = memory_event.validate_urn_sfm_schema_memory_event_1
    try:
        check(document)
        is_of_schema = True
    except fastjsonschema.JsonSchemaValueException:
        is_of_schema = False
    faults: Sequence[Fault] = ()
    try:
        event_of(document)
    except InvalidInput as error:
        faults = error.faults
    if is_of_schema:
        assert all(_is_beyond_a_schema(fault.message) for fault in faults)
    else:
        assert faults


def _is_beyond_a_schema(message: str) -> bool:
    said = ("a time that exists", "another memory", "exceed", "finite", "duplicate", "in all")
    return any(one in message for one in said)


def test_an_erasure_says_how_much_went() -> None:
    store = InMemoryStore()
    event = from_log(store.begin_anew("default", {"memories": 2}), 2)
    assert event.payload == {"removed": {"memories": 2}}
    assert event.coordinate is None
    assert same(decode(encode(event)), event)


async def test_each_change_of_the_log_has_the_state_after_it() -> None:
    store = InMemoryStore()
    links = InMemoryLinks(store)
    await store.apply("default", [an_upsert("1"), an_upsert("2")])
    key = LinkKey(origin=at("1"), target=at("2"))
    await links.apply("default", [PutLink(key=key, weight=2.0)])
    await store.apply("default", [Delete(coordinate=at("1"))])
    told = [from_log(event, 1) for event in store.log("default")]
    assert [one.type for one in told] == [
        EventType.CREATED,
        EventType.CREATED,
        EventType.LINKED,
        EventType.DELETED,
        EventType.UNLINKED,
    ]
    created, _, linked, deleted, unlinked = told
    assert created.coordinate == Coordinate("1")
    assert linked.link == EventLink(
        origin=Coordinate("1"), target=Coordinate("2"), type="related", weight=2.0
    )
    assert unlinked.link is not None
    assert deleted.payload == {}
    for event in told:
        assert event.is_canonical
        assert same(decode(encode(event)), event)
    assert [one.position for one in told] == [event.position for event in store.log("default")]


def test_the_key_is_the_text_of_the_id() -> None:
    event = an_event()
    assert key_of(event) == str(event.id).encode()
    assert dumps(str(event.id)).strip(b'"') == key_of(event)
