"""Links, and questions about them, as callers send them."""

import re
from collections.abc import Mapping
from typing import Final

from sfm_core.coordinates import Coordinate
from sfm_core.decode.fields import Faults, Fields, fields, judged
from sfm_core.decode.limits import MAX_CURSOR_CHARS, MAX_LINK_TYPE_CHARS, MAX_NEIGHBORS
from sfm_core.decode.memories import coordinate_list
from sfm_core.errors import InvalidInput
from sfm_core.jsontext import INT64_MAX
from sfm_core.model import (
    DEFAULT_LINK_TYPE,
    DEFAULT_LINK_WEIGHT,
    Direction,
    Json,
    LinkKey,
    NeighborQuery,
    PathQuery,
    PutLink,
)

_DIGITS: Final = re.compile(r"[0-9]{1,19}")
_NOWHERE: Final = Coordinate("0")


def link(raw: object, path: str = "") -> PutLink:
    """The link of a request: `{from, to, type?, weight?}`, coordinates as arrays.

    Raises:
        InvalidInput: with every fault; one is that both ends are the same.
    """
    return judged(raw, path, lambda faults: _link(raw, path, faults))


def link_key(params: Mapping[str, str]) -> LinkKey:
    """The link that `from`, `to` and `type` name, coordinates as texts.

    Raises:
        InvalidInput: with every fault.
    """
    raw: dict[str, Json] = dict(params)
    return judged(raw, "", lambda faults: _key(Fields(raw, "", faults)))


def neighbor_query(params: Mapping[str, str]) -> NeighborQuery:
    """The question for the links of a memory, from the parameters of a query string.

    Raises:
        InvalidInput: with every fault; paths are `/<parameter>`.
    """
    raw: dict[str, Json] = dict(params)
    return judged(raw, "", lambda faults: _neighbors(Fields(raw, "", faults)))


def path_query(params: Mapping[str, str]) -> PathQuery:
    """The question for a path, from the parameters of a query string.

    Raises:
        InvalidInput: with every fault; paths are `/<parameter>`.
    """
    raw: dict[str, Json] = dict(params)
    return judged(raw, "", lambda faults: _path(Fields(raw, "", faults)))


def links_asked(params: Mapping[str, str]) -> bool:
    """Whether a get asks for `include=links`, of the memory as it is.

    Raises:
        InvalidInput: it asks for something else, or for an older version too.
    """
    include = params.get("include")
    if include is None:
        return False
    if include != "links":
        raise InvalidInput("include is links here", path="/include")
    if "version" in params:
        raise InvalidInput("an older version has no links", path="/include")
    return True


def _link(raw: object, path: str, faults: Faults) -> PutLink:
    given = fields(raw, path, faults)  # type: ignore[arg-type]  # `judged` saw that it is JSON
    if given is None:
        return PutLink(key=LinkKey(origin=_NOWHERE, target=_NOWHERE))
    origin, target = _numbers(given, "from"), _numbers(given, "to")
    kind = given.string("type", high=MAX_LINK_TYPE_CHARS, default=DEFAULT_LINK_TYPE)
    weight = given.number("weight")
    if weight is not None and weight <= 0.0:
        given.wrong("weight", "must be above 0")
    given.done()
    if origin is not None and origin == target:
        given.wrong("to", "must be another memory than from")
    return PutLink(
        key=LinkKey(
            origin=origin or _NOWHERE,
            target=target or _NOWHERE,
            type=kind or DEFAULT_LINK_TYPE,
        ),
        weight=DEFAULT_LINK_WEIGHT if weight is None else weight,
    )


def _numbers(given: Fields, name: str) -> Coordinate | None:
    """A required coordinate, as an array of numbers."""
    if not given.has(name):
        given.wrong(name, "is required")
        return None
    try:
        return coordinate_list(given.raw(name), given.path(name))
    except InvalidInput as error:
        given.faults.extend(error.faults)
        return None


def _key(given: Fields) -> LinkKey:
    origin, target = _place(given, "from"), _place(given, "to")
    kind = given.string("type", high=MAX_LINK_TYPE_CHARS, default=DEFAULT_LINK_TYPE)
    given.done()
    return LinkKey(origin=origin, target=target, type=kind or DEFAULT_LINK_TYPE)


def _place(given: Fields, name: str) -> Coordinate:
    """A required coordinate, as text."""
    if not given.has(name):
        given.wrong(name, "is required")
        return _NOWHERE
    text = given.string(name)
    try:
        return _NOWHERE if text is None else Coordinate.parse(text)
    except InvalidInput as error:
        for fault in error.faults:
            axis = fault.path.removeprefix("/coordinate")
            given.faults.add(given.path(name) + axis, fault.message)
        return _NOWHERE


def _neighbors(given: Fields) -> NeighborQuery:
    query = NeighborQuery(
        type=given.string("type", high=MAX_LINK_TYPE_CHARS),
        direction=given.choice("direction", Direction, Direction.BOTH) or Direction.BOTH,
        limit=_count(given, "limit", NeighborQuery().limit, low=1, high=MAX_NEIGHBORS),
        cursor=given.string("cursor", high=MAX_CURSOR_CHARS),
    )
    given.done()
    return query


def _path(given: Fields) -> PathQuery:
    query = PathQuery(
        origin=_place(given, "from"),
        target=_place(given, "to"),
        type=given.string("type", high=MAX_LINK_TYPE_CHARS),
        min_position=_count(given, "min_position", 0, low=0, high=INT64_MAX),
    )
    given.done()
    return query


def _count(given: Fields, name: str, default: int, *, low: int, high: int) -> int:
    text = given.string(name)
    if text is None:
        return default
    if not _DIGITS.fullmatch(text) or not low <= int(text) <= high:
        given.wrong(name, f"must be an integer between {low} and {high}")
        return default
    return int(text)
