"""Listings as callers send them."""

import re
from collections.abc import Mapping
from typing import Final

from sfm_core.decode.fields import Fields, checked_string, judged
from sfm_core.decode.limits import MAX_CURSOR_CHARS, MAX_PAGE, MAX_TAG_CHARS
from sfm_core.errors import InvalidInput
from sfm_core.filters import Filter, parse
from sfm_core.jsontext import loads_under
from sfm_core.model import Json, Kind, ListQuery

_DIGITS: Final = re.compile(r"[0-9]{1,6}")
_DEFAULT_LIMIT: Final = ListQuery().limit


def list_query(params: Mapping[str, str]) -> ListQuery:
    """The question of a listing, from the parameters of a query string.

    Raises:
        InvalidInput: with every fault; paths are `/<parameter>`.
    """
    raw: dict[str, Json] = dict(params)
    return judged(raw, "", lambda faults: _listing(Fields(raw, "", faults)))


def _listing(given: Fields) -> ListQuery:
    query = ListQuery(
        kind=given.choice("kind", Kind, None),
        tag=given.string("tag", high=MAX_TAG_CHARS),
        filter=_filter_text(given),
        since=given.instant("since"),
        until=given.instant("until"),
        limit=page_limit(given),
        cursor=given.string("cursor", high=MAX_CURSOR_CHARS),
    )
    given.done()
    return query


def _filter_text(given: Fields) -> Filter | None:
    if not given.has("filter"):
        return None
    path = given.path("filter")
    text = checked_string(given.raw("filter"), path, given.faults)
    if text is None:
        return None
    try:
        return parse(loads_under(text, path), path=path)
    except InvalidInput as error:
        given.faults.extend(error.faults)
        return None


def page_limit(given: Fields) -> int:
    text = given.string("limit")
    if text is None:
        return _DEFAULT_LIMIT
    if not _DIGITS.fullmatch(text) or not 1 <= int(text) <= MAX_PAGE:
        given.wrong("limit", f"must be an integer between 1 and {MAX_PAGE}")
        return _DEFAULT_LIMIT
    return int(text)
