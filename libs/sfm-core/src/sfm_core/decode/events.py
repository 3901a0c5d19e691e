"""Questions to the log, and about what is made of it, as callers send them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sfm_core.coordinates import Coordinate
from sfm_core.decode.fields import Faults, Fields, fields, judged
from sfm_core.errors import InvalidInput
from sfm_core.jsontext import INT64_MAX
from sfm_core.model import Json, Projected

MAX_EVENTS: Final = 1000
_DIGITS: Final = re.compile(r"[0-9]{1,19}")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuery:
    """From where on the log is asked for, and how much of it."""

    after: int = 0
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildQuery:
    """A projection, and behind which memory to go on."""

    projection: Projected
    after: Coordinate | None = None


def rebuild(raw: object) -> RebuildQuery:
    """What is to be built anew, of `{"projection": …, "after": …}`.

    Raises:
        InvalidInput: with every fault.
    """
    return judged(raw, "", lambda faults: _rebuild(raw, faults))


def _rebuild(raw: object, faults: Faults) -> RebuildQuery:
    given = fields(raw, "", faults)  # type: ignore[arg-type]  # `judged` saw that it is JSON
    if given is None:
        return RebuildQuery(projection=Projected.CACHE)
    if not given.has("projection"):
        given.wrong("projection", "is required")
    found = given.choice("projection", Projected, None)
    after = _behind(given)
    if after is not None and found not in (Projected.VECTORS, None):
        given.wrong("after", "is for vectors only: others are built whole")
    given.done()
    return RebuildQuery(projection=found or Projected.CACHE, after=after)


def _behind(given: Fields) -> Coordinate | None:
    text = given.string("after")
    if text is None:
        return None
    try:
        return Coordinate.parse(text)
    except InvalidInput:
        given.wrong("after", "is no `next` of an earlier answer")
        return None


def event_query(params: Mapping[str, str]) -> EventQuery:
    """The question of a page of events, from the parameters of a query string.

    Raises:
        InvalidInput: with every fault; paths are `/<parameter>`.
    """
    raw: dict[str, Json] = dict(params)
    return judged(raw, "", lambda faults: _events(Fields(raw, "", faults)))


def _events(given: Fields) -> EventQuery:
    default = EventQuery()
    query = EventQuery(
        after=_whole(given, "after", low=0, high=INT64_MAX, default=default.after),
        limit=_whole(given, "limit", low=1, high=MAX_EVENTS, default=default.limit),
    )
    given.done()
    return query


def _whole(given: Fields, name: str, *, low: int, high: int, default: int) -> int:
    text = given.string(name)
    if text is None:
        return default
    if not _DIGITS.fullmatch(text) or not low <= int(text) <= high:
        given.wrong(name, f"must be a whole number from {low} to {high}")
        return default
    return int(text)
