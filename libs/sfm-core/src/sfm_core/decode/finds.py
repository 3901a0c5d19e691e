"""Ranges and keyword searches as callers send them."""

from collections.abc import Mapping

from sfm_core.coordinates import Coordinate
from sfm_core.decode.fields import Faults, Fields, fields, judged
from sfm_core.decode.limits import MAX_CURSOR_CHARS, MAX_TERM_CHARS, MAX_TOP_K
from sfm_core.decode.listings import page_limit
from sfm_core.decode.recalls import given_filter
from sfm_core.errors import Fault, InvalidInput
from sfm_core.model import Box, Json, KeywordQuery, Kind, RangeQuery


def range_query(params: Mapping[str, str]) -> RangeQuery:
    """The question of a range, from the parameters of a query string.

    `min` and `max` are coordinates as text.

    Raises:
        InvalidInput: with every fault; paths are `/<parameter>`, with the axis below.
    """
    raw: dict[str, Json] = dict(params)
    return judged(raw, "", lambda faults: _range(Fields(raw, "", faults)))


def keyword_query(raw: object) -> KeywordQuery:
    """The question of a keyword search.

    Raises:
        InvalidInput: with every fault.
    """
    return judged(raw, "", lambda faults: _keyword(raw, faults))


def _range(given: Fields) -> RangeQuery:
    low, high = _corner(given, "min"), _corner(given, "max")
    query = RangeQuery(
        box=Box(low=low, high=high),
        limit=page_limit(given),
        cursor=given.string("cursor", high=MAX_CURSOR_CHARS),
    )
    given.done()
    if low and high and len(low) != len(high):
        given.wrong("max", "must have as many numbers as min")
    elif low and high:
        for i, (least, most) in enumerate(zip(low, high, strict=True)):
            if least > most:
                given.faults.add(f"{given.path('max')}/{i}", "must not be below min")
    return query


def _corner(given: Fields, name: str) -> tuple[float, ...]:
    """The axes; none, with a fault, when the text is no coordinate."""
    if not given.has(name):
        given.wrong(name, "is required")
        return ()
    text = given.string(name)
    if text is None:
        return ()
    try:
        return Coordinate.parse(text).axes
    except InvalidInput as error:
        under = error.faults[0].path.removeprefix("/coordinate")
        given.faults.extend([Fault(given.path(name) + under, error.faults[0].message)])
        return ()


def _keyword(raw: object, faults: Faults) -> KeywordQuery:
    given = fields(raw, "", faults)  # type: ignore[arg-type]  # `judged` saw that it is JSON
    if given is None:
        return KeywordQuery(term="")
    query = KeywordQuery(
        term=_term(given),
        exact=given.flag("exact", default=False),
        case_sensitive=given.flag("case_sensitive", default=False),
        top_k=given.integer("top_k", low=1, high=MAX_TOP_K) or KeywordQuery(term="").top_k,
        kind=given.choice("kind", Kind, None),
        filter=given_filter(given),
    )
    given.done()
    return query


def _term(given: Fields) -> str:
    if not given.has("term"):
        given.wrong("term", "is required")
        return ""
    term = given.string("term", high=MAX_TERM_CHARS)
    if term is not None and not term.strip():
        given.wrong("term", "must not be blank")
    return term or ""
