"""The lines of an import: what an export writes, and plain memories with a coordinate."""

import base64
import binascii
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import numpy as np

from sfm_core.coordinates import Coordinate
from sfm_core.decode.fields import Faults, Fields, fields
from sfm_core.decode.links import link
from sfm_core.decode.memories import coordinate_list, memory_with_coordinate
from sfm_core.errors import Fault, InvalidInput
from sfm_core.jsontext import ONE, Limits
from sfm_core.model import (
    F32,
    CarriedLink,
    CarriedSample,
    CarriedVersion,
    EventType,
    ExportEnd,
    ExportHeader,
    ExportQuery,
    ImportMode,
    Json,
    JsonObject,
    MemoryDraft,
    PutLink,
    TransferLine,
)

FORMAT: Final = 1
"""Of the lines; a file of a later one is refused."""
LINE: Final = Limits(size_bytes=2 * ONE.size_bytes, keys=ONE.keys + 16, elements=ONE.elements + 64)
"""Of one line: whatever is stored from one request must fit, with what an export says around it,
and numbers that may be longer when written out."""
HIGHEST: Final = 2**53
"""An import sets no version above it: every reader of JSON holds it exactly."""
MAX_VERSION: Final = 2 * HIGHEST
"""A line may say more than an import sets: versions count on, and what they came to comes back."""
_MAX_COUNT: Final = 2**62
_NOT_OF_VERSIONS: Final = frozenset({EventType.LINKED, EventType.UNLINKED, EventType.ERASED})
_ENDS: Final = frozenset({EventType.DELETED, EventType.EXPIRED})
_AROUND_LINK: Final = frozenset({"sfm", "updated_at"})
_ENVELOPE: Final = frozenset(
    {"sfm", "version", "event", "created_at", "updated_at", "latest", "vector"}
)


_END_SAID: Final = "is a memory's end, of which only the coordinate is said"
_SAYS_NOTHING: Final = "is no memory's end, and without a payload nothing is said of the memory"


class LineKind(StrEnum):
    """What a line is, as it says under `sfm`; a line that does not say is a memory."""

    EXPORT = "export"
    MEMORY = "memory"
    VERSION = "version"
    SAMPLE = "sample"
    LINK = "link"
    END = "end"


def import_mode(said: Mapping[str, str]) -> ImportMode:
    """The mode that the query parameters of an import ask for.

    Raises:
        InvalidInput: `mode` is another word than those of `ImportMode`.
    """
    mode = said.get("mode", ImportMode.MERGE)
    if mode not in set(ImportMode):
        raise InvalidInput(f"mode is {' or '.join(ImportMode)}", path="/mode")
    return ImportMode(mode)


def export_query(said: Mapping[str, str]) -> ExportQuery:
    """What the query parameters of an export ask for.

    Raises:
        InvalidInput: one is neither `true` nor `false`.
    """
    faults = Faults()
    flags = {name: _flag(said, name, faults) for name in ("history", "vectors")}
    if faults.found:
        raise faults.error()
    return ExportQuery(**flags)


def _flag(said: Mapping[str, str], name: str, faults: Faults) -> bool:
    value = said.get(name, "false")
    if value not in ("true", "false"):
        faults.add(f"/{name}", "must be true or false")
    return value == "true"


def transfer_line(raw: Json) -> TransferLine:
    """What one line of an import stands for; `raw` came from `jsontext.loads`.

    Raises:
        InvalidInput: with every fault.
    """
    faults = Faults()
    given = fields(raw, "", faults)
    if given is None or not isinstance(raw, Mapping):
        raise faults.error()
    kind = given.choice("sfm", LineKind, LineKind.MEMORY)
    if faults.found or kind is None:
        raise faults.error()
    if kind is LineKind.LINK:
        return _link(raw)
    if kind not in _READERS:
        return _version(raw, kind)
    line = _READERS[kind](given)
    given.done()
    if faults.found:
        raise faults.error()
    return line


def _header(given: Fields) -> TransferLine:
    """Other members are for people; a later format may mean something else by any of them."""
    form = given.integer("format", low=1, high=_MAX_COUNT)
    if form != FORMAT:
        given.wrong("format", f"must be {FORMAT}: this version reads no other")
    revision = given.string("model_revision") or ""
    for name in ("namespace", "position", "at", "dim", "history", "vectors"):
        given.raw(name)
    return ExportHeader(model_revision=revision)


def _end(given: Fields) -> TransferLine:
    lines = given.integer("lines", low=0, high=_MAX_COUNT)
    digest = given.string("digest")
    if lines is None:
        given.wrong("lines", "is required")
    if digest is None:
        given.wrong("digest", "is required")
    for name in ("memories", "versions", "samples", "links"):
        given.raw(name)
    return ExportEnd(lines=lines or 0, digest=digest or "")


def _sample(given: Fields) -> TransferLine:
    coordinate = _coordinate(given)
    version = given.integer("version", low=1, high=MAX_VERSION)
    importance = given.number("importance")
    for name, value in (("version", version), ("importance", importance)):
        if value is None and not given.has(name):
            given.wrong(name, "is required")
    return CarriedSample(coordinate=coordinate, version=version or 1, importance=importance or 0.0)


_READERS: Final = {
    LineKind.EXPORT: _header,
    LineKind.END: _end,
    LineKind.SAMPLE: _sample,
}


def _link(raw: JsonObject) -> CarriedLink:
    faults = Faults()
    around = Fields({name: raw[name] for name in raw if name in _AROUND_LINK}, "", faults)
    around.raw("sfm")
    updated_at = around.instant("updated_at")
    put: PutLink | None = None
    try:
        put = link({name: raw[name] for name in raw if name not in _AROUND_LINK})
    except InvalidInput as error:
        faults.extend(error.faults)
    if faults.found or put is None:
        raise faults.error()
    return CarriedLink(key=put.key, weight=put.weight, updated_at=updated_at)


def _version(raw: JsonObject, kind: LineKind) -> CarriedVersion:
    faults = Faults()
    around = Fields({name: raw[name] for name in raw if name in _ENVELOPE}, "", faults)
    around.raw("sfm")
    event = around.choice("event", EventType, None)
    if event in _NOT_OF_VERSIONS:
        around.wrong("event", "is not the event of a memory")
    version = around.integer("version", low=1, high=MAX_VERSION)
    created_at, updated_at = around.instant("created_at"), around.instant("updated_at")
    latest = around.flag("latest", default=kind is LineKind.MEMORY)
    vector = _vector(around)
    if kind is LineKind.VERSION:
        for name in ("event", "version", "updated_at"):
            if not around.has(name):
                around.wrong(name, "is required")
    inner = {name: raw[name] for name in raw if name not in _ENVELOPE}
    coordinate, draft = _memory(inner, faults, may_end=kind is LineKind.VERSION)
    if kind is LineKind.VERSION and event is not None and event not in _NOT_OF_VERSIONS:
        has_payload = set(inner) - {"coordinate"} != set()
        if has_payload == (event in _ENDS):
            around.wrong("event", _END_SAID if has_payload else _SAYS_NOTHING)
    around.done()
    if faults.found or coordinate is None:
        raise faults.error()
    return CarriedVersion(
        coordinate=coordinate,
        draft=draft,
        version=None if version is None else min(version, HIGHEST),
        created_at=created_at,
        updated_at=updated_at,
        event=event if kind is LineKind.VERSION else None,
        latest=latest,
        vector=vector,
    )


def _memory(
    inner: JsonObject, faults: Faults, *, may_end: bool
) -> tuple[Coordinate | None, MemoryDraft | None]:
    """A version without a payload is an end: of it only the place is said."""
    coordinate: Coordinate | None = None
    draft: MemoryDraft | None = None
    try:
        if may_end and set(inner) <= {"coordinate"}:
            coordinate = coordinate_list(inner.get("coordinate"))
        else:
            coordinate, draft = memory_with_coordinate(inner, limits=LINE)
    except InvalidInput as error:
        faults.extend(error.faults)
    else:
        if coordinate is None:
            faults.add("/coordinate", "is required")
    return coordinate, draft


def _coordinate(given: Fields) -> Coordinate:
    try:
        return coordinate_list(given.raw("coordinate"))
    except InvalidInput as error:
        given.faults.extend(error.faults)
        return Coordinate("0")


def _vector(around: Fields) -> F32 | None:
    """Shape (n,), as it is: whether it is of use is for whoever knows the model."""
    text = around.string("vector")
    if text is None:
        return None
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raw = b"?"
    if len(raw) % 4:
        around.faults.extend([Fault("/vector", "must be float32 values, little-endian, in base64")])
        return None
    vector: F32 = np.frombuffer(raw, dtype="<f4").astype(np.float32)
    return vector
