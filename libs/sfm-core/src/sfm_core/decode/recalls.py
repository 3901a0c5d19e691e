"""Recalls as callers send them."""

from collections.abc import Sequence
from typing import Final

from sfm_core.coordinates import MAX_AXES, Coordinate
from sfm_core.decode.fields import Faults, Fields, checked_string, fields, judged
from sfm_core.decode.limits import (
    MAX_BATCH_QUERIES,
    MAX_BUDGET_TOKENS,
    MAX_CONTEXT_TEXTS,
    MAX_EXPLAINED,
    MAX_GRAPH_HOPS,
    MAX_QUERY_CHARS,
    MAX_TOP_K,
    MAX_WEIGHT,
)
from sfm_core.decode.memories import coordinate_list
from sfm_core.errors import InvalidInput
from sfm_core.filters import Filter, parse
from sfm_core.jsontext import BATCH, INT64_MAX, faults_in
from sfm_core.model import Box, Json, Kind, Mode, RecallQuery, Weights
from sfm_core.scoring import Scoring

DEFAULT_WEIGHTS: Final = Scoring().weights
_INCLUDED: Final = ("payload", "text", "snippet", "links")


def recall_query(raw: object, path: str = "", *, weights: Weights = DEFAULT_WEIGHTS) -> RecallQuery:
    """The question of a recall; `weights` stand for those a request leaves out.

    Raises:
        InvalidInput: with every fault.
    """
    return judged(raw, path, lambda faults: _recall(raw, path, faults, weights))


def recall_batch(raw: object, *, weights: Weights = DEFAULT_WEIGHTS) -> list[RecallQuery]:
    """The questions of a batch, in order.

    Raises:
        InvalidInput: with every fault of every question.
    """
    faults = Faults(faults_in(raw, limits=BATCH))
    if faults.found:
        raise faults.error()
    queries: list[RecallQuery] = []
    around = fields(raw, "", faults)  # type: ignore[arg-type]  # found to be JSON above
    if around is not None:
        for i, one in enumerate(_queries(around)):
            try:
                queries.append(recall_query(one, f"/queries/{i}", weights=weights))
            except InvalidInput as error:
                faults.extend(error.faults)
        around.done()
    if faults.found:
        raise faults.error()
    return queries


def _recall(raw: object, path: str, faults: Faults, weights: Weights) -> RecallQuery:
    given = fields(raw, path, faults)  # type: ignore[arg-type]  # `judged` saw that it is JSON
    if given is None:
        return RecallQuery(query="")
    included = _included(given)
    query = RecallQuery(
        query=_question(given),
        top_k=given.integer("top_k", low=1, high=MAX_TOP_K) or RecallQuery(query="").top_k,
        mode=given.choice("mode", Mode, Mode.HYBRID) or Mode.HYBRID,
        kind=given.choice("kind", Kind, None),
        filter=given_filter(given),
        since=given.instant("since"),
        until=given.instant("until"),
        box=_box(given),
        min_score=given.number("min_score", low=0.0, high=1.0),
        min_similarity=given.number("min_similarity", low=-1.0, high=1.0),
        min_position=given.integer("min_position", low=0, high=INT64_MAX),
        now=given.instant("now"),
        weights=_weights(given, weights),
        graph_hops=_hops(given),
        explain=given.flag("explain", default=False),
        context=_context(given),
        explain_for=_places(given),
        include_payload="payload" in included,
        include_text="text" in included,
        include_snippet="snippet" in included,
        include_links="links" in included,
        budget_tokens=given.integer("budget_tokens", low=1, high=MAX_BUDGET_TOKENS),
    )
    given.done()
    return query


def _question(given: Fields) -> str:
    if not given.has("query"):
        given.wrong("query", "is required")
        return ""
    query = given.string("query", high=MAX_QUERY_CHARS)
    if query is not None and not query.strip():
        given.wrong("query", "must not be blank")
    return query or ""


def given_filter(given: Fields) -> Filter | None:
    if not given.has("filter"):
        return None
    try:
        return parse(given.raw("filter"), path=given.path("filter"))
    except InvalidInput as error:
        given.faults.extend(error.faults)
        return None


def _box(given: Fields) -> Box | None:
    if not given.has("box"):
        return None
    box = fields(given.raw("box"), given.path("box"), given.faults)
    if box is None:
        return None
    low, high = _corner(box, "min"), _corner(box, "max")
    box.done()
    if low is None or high is None:
        return None
    if len(low) != len(high):
        box.wrong("max", "must have as many numbers as min")
        return None
    for i, (least, most) in enumerate(zip(low, high, strict=True)):
        if least > most:
            box.faults.add(f"{box.path('max')}/{i}", "must not be below min")
    return Box(low=low, high=high)


def _corner(box: Fields, name: str) -> tuple[float, ...] | None:
    raw = box.raw(name)
    if not isinstance(raw, list | tuple) or not 1 <= len(raw) <= MAX_AXES:
        box.wrong(name, f"must be an array of 1 to {MAX_AXES} numbers")
        return None
    numbers = [_number(axis) for axis in raw]
    for i, number in enumerate(numbers):
        if number is None:
            box.faults.add(f"{box.path(name)}/{i}", "must be a number")
    found = tuple(number for number in numbers if number is not None)
    return found if len(found) == len(raw) else None


def _number(raw: Json) -> float | None:
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        return None
    return float(raw)


def _weights(given: Fields, default: Weights) -> Weights | None:
    if not given.has("weights"):
        return None
    weights = fields(given.raw("weights"), given.path("weights"), given.faults)
    if weights is None:
        return None

    def weight(name: str, otherwise: float) -> float:
        found = weights.number(name, low=0.0, high=MAX_WEIGHT)
        return otherwise if found is None else found

    wanted = Weights(
        vector=weight("vector", default.vector),
        keyword=weight("keyword", default.keyword),
        context=weight("context", default.context),
        recency=weight("recency", default.recency),
        graph=weight("graph", default.graph),
    )
    weights.done()
    if wanted.vector == wanted.keyword == wanted.context == wanted.recency == 0.0:
        given.wrong("weights", "must not all be 0 beside graph")
    return wanted


def _hops(given: Fields) -> int:
    hops = given.integer("graph_hops", low=0, high=MAX_GRAPH_HOPS) or 0
    if hops and given.raw("mode") not in (None, Mode.HYBRID):
        given.wrong("graph_hops", "is for mode hybrid only")
    return hops


def _included(given: Fields) -> Sequence[str]:
    if not given.has("include"):
        return _INCLUDED[:1]
    raw = given.raw("include")
    if not isinstance(raw, list | tuple):
        given.wrong("include", "must be an array")
        return ()
    path, found = given.path("include"), []
    for i, part in enumerate(raw):
        if not isinstance(part, str) or part not in _INCLUDED:
            given.faults.add(f"{path}/{i}", f"must be one of {', '.join(_INCLUDED)}")
        elif part in found:
            given.faults.add(f"{path}/{i}", "is there twice")
        else:
            found.append(part)
    return found


def _context(given: Fields) -> tuple[str, ...]:
    if not given.has("context"):
        return ()
    raw, path = given.raw("context"), given.path("context")
    if not isinstance(raw, list | tuple) or not 1 <= len(raw) <= MAX_CONTEXT_TEXTS:
        given.wrong("context", f"must be an array of 1 to {MAX_CONTEXT_TEXTS} texts")
        return ()
    texts = [
        checked_string(text, f"{path}/{i}", given.faults, high=MAX_QUERY_CHARS)
        for i, text in enumerate(raw)
    ]
    for i, text in enumerate(texts):
        if text is not None and not text.strip():
            given.faults.add(f"{path}/{i}", "must not be blank")
    return tuple(text for text in texts if text is not None)


def _places(given: Fields) -> tuple[Coordinate, ...]:
    if not given.has("explain_for"):
        return ()
    raw, path = given.raw("explain_for"), given.path("explain_for")
    if not isinstance(raw, list | tuple) or not 1 <= len(raw) <= MAX_EXPLAINED:
        given.wrong("explain_for", f"must be an array of 1 to {MAX_EXPLAINED} coordinates")
        return ()
    found: list[Coordinate] = []
    for i, one in enumerate(raw):
        try:
            found.append(coordinate_list(one, f"{path}/{i}"))
        except InvalidInput as error:
            given.faults.extend(error.faults)
    return tuple(found)


def _queries(around: Fields) -> Sequence[object]:
    queries = around.raw("queries")
    if not isinstance(queries, list | tuple) or not 1 <= len(queries) <= MAX_BATCH_QUERIES:
        around.wrong("queries", f"must be an array of 1 to {MAX_BATCH_QUERIES} recalls")
        return ()
    return queries
