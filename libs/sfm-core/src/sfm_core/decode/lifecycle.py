"""Changes to what is stored, as callers send them: patch, history, restore, delete many."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from sfm_core.coordinates import Coordinate
from sfm_core.decode.fields import Faults, Fields, fields, judged
from sfm_core.decode.limits import MAX_DELETED, MAX_HISTORY
from sfm_core.decode.memories import coordinate_list, tags_of
from sfm_core.errors import InvalidInput
from sfm_core.filters import Filter, constant_of, parse
from sfm_core.jsontext import INT64_MAX
from sfm_core.model import HistoryQuery, Json, JsonObject, MemoryPatch, Selection

_PATCHED: Final = ("importance", "pinned", "tags", "expires_at", "payload")
_SELECTED: Final = ("coordinates", "filter", "all")
_FIXED: Final = "cannot be patched: store the memory anew"
_HINTS: Final = dict.fromkeys(("kind", "text", "session", "source", "occurred_at"), _FIXED) | {
    "coordinate": "is not part of the memory here: the address names it"
}
_DIGITS: Final = re.compile(r"[0-9]{1,18}")


def memory_patch(raw: object) -> MemoryPatch:
    """The change of a patch.

    Raises:
        InvalidInput: with every fault; it also has to change something.
    """
    return judged(raw, "", lambda faults: _patch(raw, faults))


def restored_version(raw: object) -> int:
    """The version that a restore asks for.

    Raises:
        InvalidInput: with every fault.
    """
    return judged(raw, "", lambda faults: _restored(raw, faults))


def selection(raw: object) -> Selection:
    """The memories that a delete-many is about: exactly one of coordinates, filter and all.

    A filter that admits every memory, whatever they are, is refused: that is said with `all`.

    Raises:
        InvalidInput: with every fault.
    """
    return judged(raw, "", lambda faults: _selection(raw, faults))


def history_query(params: Mapping[str, str]) -> HistoryQuery:
    """The question of a history, from the parameters of a query string.

    Raises:
        InvalidInput: with every fault; paths are `/<parameter>`.
    """
    return judged(dict(params), "", lambda faults: _history(params, faults))


def version_asked(params: Mapping[str, str]) -> int | None:
    """The version that a get asks for; None: the memory as it is.

    Raises:
        InvalidInput: with every fault.
    """
    return judged(dict(params), "", lambda faults: _asked(params, faults))


def _patch(raw: object, faults: Faults) -> MemoryPatch:
    given = fields(raw, "", faults)  # type: ignore[arg-type]  # `judged` saw that it is JSON
    if given is None:
        return MemoryPatch()
    never = given.has("expires_at") and given.raw("expires_at") is None
    patch = MemoryPatch(
        importance=given.number("importance"),
        pinned=given.flag("pinned", default=False) if given.has("pinned") else None,
        tags=tags_of(given) if given.has("tags") else None,
        expires_at=None if never else given.instant("expires_at"),
        never_expires=never,
        payload=_merge_patch(given),
    )
    given.done(_HINTS)
    if not faults.found and not any(given.has(name) for name in _PATCHED):
        faults.add("", f"must have at least one of {', '.join(_PATCHED)}")
    return patch


def _merge_patch(given: Fields) -> JsonObject | None:
    if not given.has("payload"):
        return None
    payload = given.raw("payload")
    if isinstance(payload, Mapping):
        return payload
    given.wrong("payload", "must be an object: what is to change in the payload")
    return None


def _restored(raw: object, faults: Faults) -> int:
    given = fields(raw, "", faults)  # type: ignore[arg-type]  # `judged` saw that it is JSON
    if given is None:
        return 0
    if not given.has("version"):
        given.wrong("version", "is required")
    version = given.integer("version", low=1, high=INT64_MAX)
    given.done()
    return version or 0


def _selection(raw: object, faults: Faults) -> Selection:
    given = fields(raw, "", faults)  # type: ignore[arg-type]  # `judged` saw that it is JSON
    if given is None:
        return Selection()
    found = [name for name in _SELECTED if given.has(name)]
    if len(found) != 1:
        faults.add("", f"must have exactly one of {', '.join(_SELECTED)}")
    if given.has("all") and given.raw("all") is not True:
        given.wrong("all", "must be true")
    selected = Selection(
        coordinates=_coordinates(given) if given.has("coordinates") else None,
        filter=_narrowing(given) if given.has("filter") else None,
    )
    given.done()
    return selected


def _coordinates(given: Fields) -> tuple[Coordinate, ...]:
    """Each once, in the order of their first mention."""
    raw: Json = given.raw("coordinates")
    if not isinstance(raw, Sequence) or isinstance(raw, str) or not 1 <= len(raw) <= MAX_DELETED:
        given.wrong("coordinates", f"must be an array of 1 to {MAX_DELETED} coordinates")
        return ()
    found: list[Coordinate] = []
    for i, one in enumerate(raw):
        try:
            found.append(coordinate_list(one, f"{given.path('coordinates')}/{i}"))
        except InvalidInput as error:
            given.faults.extend(error.faults)
    return tuple(dict.fromkeys(found))


def _narrowing(given: Fields) -> Filter | None:
    try:
        filter_ = parse(given.raw("filter"), path=given.path("filter"))
    except InvalidInput as error:
        given.faults.extend(error.faults)
        return None
    if constant_of(filter_) is True:
        given.wrong("filter", 'admits every memory: to delete all say {"all": true}')
    return filter_


def _history(params: Mapping[str, str], faults: Faults) -> HistoryQuery:
    given = Fields(params, "", faults)
    limit = _counted(given, "limit", high=MAX_HISTORY)
    before = _counted(given, "before", high=INT64_MAX)
    given.done()
    return HistoryQuery(limit=HistoryQuery().limit if limit is None else limit, before=before)


def _asked(params: Mapping[str, str], faults: Faults) -> int | None:
    given = Fields(params, "", faults)
    version = _counted(given, "version", high=INT64_MAX)
    given.done()
    return version


def _counted(given: Fields, name: str, *, high: int) -> int | None:
    """A parameter that is a whole number from 1 on."""
    text = given.string(name)
    if text is None:
        return None
    if not _DIGITS.fullmatch(text) or not 1 <= int(text) <= high:
        given.wrong(name, f"must be an integer between 1 and {high}")
        return None
    return int(text)
