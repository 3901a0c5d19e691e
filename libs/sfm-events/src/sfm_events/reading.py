"""Events as anybody sends them, judged.

What is asked of a memory or a link is asked by `sfm_core.decode`, as at every other door; what is
around it by `schemas/memory.event.json`, of which a compiled copy is checked as well.
"""

import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import numpy as np
from fastjsonschema import JsonSchemaValueException

from sfm_core.coordinates import Coordinate, checked_namespace
from sfm_core.decode import link as decoded_link
from sfm_core.decode import memory_with_coordinate
from sfm_core.decode.fields import Faults, Fields, fields
from sfm_core.errors import InvalidInput
from sfm_core.jsontext import ONE, Limits, dumps, faults_in
from sfm_core.model import F32, EventType, Json, JsonObject, MemoryDraft
from sfm_events.event import SCHEMA_VERSION, EventLink, MemoryEvent
from sfm_events.generated import memory_event

MAX_DIM: Final = 8192
"""Numbers of an embedding."""
EVENT: Final = Limits(
    size_bytes=2 * ONE.size_bytes, keys=ONE.keys + 64, elements=ONE.elements + 64 + MAX_DIM
)
"""Of one event: what is stored from one request fits, with what is said around it."""
MAX_VERSION: Final = 2**54
"""A foreign producer may say half of it: versions count on from there."""
MAX_POSITION: Final = 2**53

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_MEMORY: Final = frozenset(MemoryDraft.__dataclass_fields__) | {"coordinate"}
"""Members that are judged as those of a memory that is stored."""
_KNOWN: Final = _MEMORY | {
    *("event_id", "id", "namespace", "type", "timestamp", "generation", "version", "position"),
    *("link", "embedding", "model_revision", "abridged"),
}
_LINKS: Final = frozenset({EventType.LINKED, EventType.UNLINKED})
_SAYS_NOTHING: Final = _LINKS | {EventType.DELETED, EventType.EXPIRED}
_CHECK: Final[Callable[[object], object]] = memory_event.validate_urn_sfm_schema_memory_event_1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_GREATEST: Final = float(np.finfo(np.float32).max)


def event_of(raw: object) -> MemoryEvent:
    """The event that a document stands for, which came another way than as text.

    Raises:
        InvalidInput: with every fault.
    """
    found = faults_in(raw, limits=EVENT)
    if found:
        raise Faults(found).error()
    return judged_event(raw)


def judged_event(raw: object) -> MemoryEvent:
    """The event that a document from `jsontext.loads` stands for.

    Raises:
        InvalidInput: it is none of `schemas/memory.event.json`; with every fault.
    """
    faults = Faults()
    given = fields(raw, "", faults)  # type: ignore[arg-type]  # any object is looked at
    if given is None or not isinstance(raw, Mapping):
        raise faults.error()
    raw = _as_far_as_known(raw)
    around = Fields({name: raw[name] for name in raw if name not in _MEMORY}, "", faults)
    limits = EVENT if "generation" in raw else ONE
    inner = {name: raw[name] for name in raw if name in _MEMORY}
    coordinate, draft = _memory(inner, limits, faults)
    event = _event(around, coordinate, draft, gives_importance="importance" in raw)
    for name in _MEMORY:
        around.has(name)  # so that they are suggested for what is misspelt
    around.done()
    if not faults.found:
        _check_schema(raw, faults)
    if not faults.found and not event.is_canonical:
        _check_size(raw, faults)
    if faults.found:
        raise faults.error()
    return event


def _as_far_as_known(raw: Mapping[str, Json]) -> Mapping[str, Json]:
    """An event of the log of a newer version, as this version would have said it.

    While processes are replaced one by one, the newer ones' events meet older consumers. Those
    go by the state of the record store, so that members they do not know are no loss.
    """
    version = raw.get("schema_version")
    is_newer = isinstance(version, int) and version > SCHEMA_VERSION
    if not is_newer or "generation" not in raw:
        return raw
    known = {name: value for name, value in raw.items() if name in _KNOWN}
    return known | {"schema_version": SCHEMA_VERSION}


def _memory(
    inner: JsonObject, limits: Limits, faults: Faults
) -> tuple[Coordinate | None, MemoryDraft]:
    try:
        return memory_with_coordinate(inner, limits=limits)
    except InvalidInput as error:
        faults.extend(error.faults)
        return None, MemoryDraft(payload={})


def _event(
    around: Fields, coordinate: Coordinate | None, draft: MemoryDraft, *, gives_importance: bool
) -> MemoryEvent:
    around.integer("schema_version", low=SCHEMA_VERSION, high=SCHEMA_VERSION)
    kind = around.choice("type", EventType, None)
    _check_required(around, ("event_id", "id", "namespace", "type", "timestamp"))
    event_id, memory = _uuid(around, "event_id"), _uuid(around, "id")
    namespace = _namespace(around)
    at = around.instant("timestamp")
    generation = around.integer("generation", low=1, high=MAX_POSITION)
    highest = MAX_VERSION if around.has("generation") else MAX_VERSION // 2
    version = around.integer("version", low=1, high=highest)
    position = around.integer("position", low=1, high=MAX_POSITION)
    if around.has("generation"):
        _check_required(around, ("version", "position"), "is required beside generation")
    elif around.has("abridged"):
        around.wrong("abridged", "is for events of the log")
    link, embedding = _link(around, kind), _embedding(around)
    revision = around.string("model_revision", high=256)
    if kind in _SAYS_NOTHING and draft.payload:
        around.wrong("payload", f"must be empty: {kind} says nothing of a memory")
    nothing = UUID(int=0)
    return MemoryEvent(
        event_id=event_id or nothing,
        id=memory or nothing,
        namespace=namespace,
        type=kind or EventType.CREATED,
        at=at or _EPOCH,
        payload=draft.payload,
        version=version,
        position=position,
        generation=generation,
        coordinate=coordinate,
        kind=draft.kind,
        text=draft.text,
        importance=draft.importance if gives_importance else None,
        tags=draft.tags,
        session=draft.session,
        source=draft.source,
        occurred_at=draft.occurred_at,
        expires_at=draft.expires_at,
        pinned=draft.pinned,
        link=link,
        embedding=embedding,
        model_revision=revision,
        abridged=around.flag("abridged", default=False),
    )


def _check_required(given: Fields, names: Collection[str], message: str = "is required") -> None:
    for name in names:
        if not given.has(name):
            given.wrong(name, message)


def _uuid(given: Fields, name: str) -> UUID | None:
    text = given.string(name)
    if text is None:
        return None
    if not _UUID.fullmatch(text):
        given.wrong(name, "must be a UUID, such as 6f1f6f1e-0b52-5c50-9c0b-5f3a8d0a9595")
        return None
    return UUID(text)


def _namespace(given: Fields) -> str:
    text = given.string("namespace")
    try:
        return "" if text is None else checked_namespace(text)
    except InvalidInput as error:
        given.faults.extend(error.faults)
        return ""


def _link(given: Fields, kind: EventType | None) -> EventLink | None:
    if not given.has("link"):
        if kind in _LINKS:
            given.wrong("link", f"is required of {kind}")
        return None
    if kind is not None and kind not in _LINKS:
        given.wrong("link", "is for linked and unlinked")
        return None
    raw: Json = given.raw("link")
    try:
        put = decoded_link(raw, given.path("link"))
    except InvalidInput as error:
        given.faults.extend(error.faults)
        return None
    gives_weight = isinstance(raw, Mapping) and "weight" in raw
    return EventLink(
        origin=put.key.origin,
        target=put.key.target,
        type=put.key.type,
        weight=put.weight if gives_weight else None,
    )


def _embedding(given: Fields) -> F32 | None:
    """Shape (n,), n from 1 to `MAX_DIM`."""
    if not given.has("embedding"):
        return None
    raw = given.raw("embedding")
    if not isinstance(raw, list | tuple) or not 1 <= len(raw) <= MAX_DIM:
        given.wrong("embedding", f"must be an array of 1 to {MAX_DIM} numbers")
        return None
    path, sound = given.path("embedding"), True
    for i, value in enumerate(raw):
        if isinstance(value, bool) or not isinstance(value, int | float):
            given.faults.add(f"{path}/{i}", "must be a number")
            sound = False
        elif not -_GREATEST <= value <= _GREATEST:
            given.faults.add(f"{path}/{i}", "is too great for a float32")
            sound = False
    return np.array(raw, dtype=np.float32) if sound else None


def _check_schema(raw: Mapping[str, Json], faults: Faults) -> None:
    """The schema is what producers go by: nothing that it refuses is taken."""
    try:
        _CHECK(raw)
    except JsonSchemaValueException as error:
        faults.add("/" + "/".join(error.path[1:]), error.message)


def _check_size(raw: Mapping[str, Json], faults: Faults) -> None:
    """What anybody else says of a memory must be what a store may say of one."""
    rest = {name: value for name, value in raw.items() if name != "embedding"}
    size = len(dumps(rest))
    if size > ONE.size_bytes:
        faults.add("", f"has more than {ONE.size_bytes} bytes of JSON beside its embedding")
