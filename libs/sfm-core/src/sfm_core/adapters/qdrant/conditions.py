"""Filters as Qdrant applies them: as much of one as means the same there, on what is indexed.

What cannot be said to Qdrant is left out where that admits more, never less; then the adapter
judges what comes back by `sfm_core.filters.matches`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from qdrant_client import models

from sfm_core.adapters.qdrant.payloads import (
    DELETED,
    EXPIRES_AT,
    KIND,
    OCCURRED_AT,
    REVISION,
    SESSION,
    SOURCE,
    TAGS,
    equal,
    of_namespace,
)
from sfm_core.filters import And, Filter, Not, Op, Or, Term
from sfm_core.model import VectorQuery
from sfm_core.times import microseconds

type Said = tuple[models.Condition | None, bool]
"""A condition that admits all that the filter does (None: everything), and whether it admits
nothing else."""

_EVERYTHING: Final[Said] = (None, False)
_EXACT_BELOW: Final = 2**53
_KEYWORDS: Final[Mapping[str, str]] = {
    "@kind": KIND,
    "@tags": TAGS,
    "@session": SESSION,
    "@source": SOURCE,
}
_TIMES: Final[Mapping[str, str]] = {"@occurred_at": OCCURRED_AT}


def conditions_of(namespace: str, query: VectorQuery) -> tuple[models.Filter, bool]:
    """What a search asks of points, and whether that is all of it."""
    must: list[models.Condition] = [
        equal(DELETED, value=False),
        equal(REVISION, query.model_revision),
    ]
    if query.kind is not None:
        must.append(equal(KIND, query.kind.value))
    if query.now is not None:
        must.append(_unexpired(query.now))
    condition, exact = (None, True) if query.filter is None else said(query.filter)
    if condition is not None:
        must.append(condition)
    return of_namespace(namespace, *must), exact


def said(filter_: Filter) -> Said:
    match filter_:
        case Term():
            return _term(filter_)
        case Not():
            inner, exact = said(filter_.part)
            if not exact:
                return _EVERYTHING
            return (_none() if inner is None else models.Filter(must_not=[inner])), True
        case And():
            return _all([said(part) for part in filter_.parts])
        case Or():
            return _any([said(part) for part in filter_.parts])


def _all(parts: Sequence[Said]) -> Said:
    conditions = [condition for condition, _ in parts if condition is not None]
    exact = all(is_exact for _, is_exact in parts)
    return (models.Filter(must=conditions) if conditions else None), exact


def _any(parts: Sequence[Said]) -> Said:
    conditions = [condition for condition, _ in parts if condition is not None]
    if not parts:
        return _none(), True
    if len(conditions) < len(parts):  # one of them admits everything, or may
        return None, any(condition is None and is_exact for condition, is_exact in parts)
    return models.Filter(should=conditions), all(is_exact for _, is_exact in parts)


def _none() -> models.Condition:
    """Admits nothing."""
    return models.HasIdCondition(has_id=[])


def _term(term: Term) -> Said:
    if term.op in (Op.NE, Op.NIN):
        positive = Op.EQ if term.op is Op.NE else Op.IN
        return said(Not(Term(term.field, positive, term.operand)))
    if term.field in _KEYWORDS:
        return _keyword(_KEYWORDS[term.field], term)
    if term.field in _TIMES:
        return _time(_TIMES[term.field], term)
    return _EVERYTHING


def _keyword(key: str, term: Term) -> Said:
    match term.op, term.operand:
        case Op.EQ, str(word):
            return equal(key, word), True
        case Op.IN, ():
            return _none(), True
        case Op.IN, tuple(words):
            match_ = models.MatchAny(any=[str(word) for word in words])
            return models.FieldCondition(key=key, match=match_), True
        case Op.EXISTS, wanted:
            empty = models.IsEmptyCondition(is_empty=models.PayloadField(key=key))
            return (models.Filter(must_not=[empty]) if wanted else empty), True
        case _:
            return _EVERYTHING


def _time(key: str, term: Term) -> Said:
    """Exact as long as a float tells microseconds apart: until the year 2255."""
    if term.op is Op.IN and isinstance(term.operand, tuple):
        return _any([_time(key, Term(term.field, Op.EQ, one)) for one in term.operand])
    if term.op is Op.EXISTS:
        return (None if term.operand is True else _none()), True
    if term.op not in _RANGES or not isinstance(term.operand, datetime):
        return _EVERYTHING
    at = microseconds(term.operand)
    if not -_EXACT_BELOW < at < _EXACT_BELOW:
        return _EVERYTHING
    return models.FieldCondition(key=key, range=_RANGES[term.op](float(at))), True


def _unexpired(now: datetime) -> models.Condition:
    """Expired is what `expires_at` is not after `now`."""
    at = models.Range(lte=float(microseconds(now)))
    return models.Filter(must_not=[models.FieldCondition(key=EXPIRES_AT, range=at)])


_RANGES: Final[Mapping[Op, Callable[[float], models.Range]]] = {
    Op.EQ: lambda at: models.Range(gte=at, lte=at),
    Op.GT: lambda at: models.Range(gt=at),
    Op.GTE: lambda at: models.Range(gte=at),
    Op.LT: lambda at: models.Range(lt=at),
    Op.LTE: lambda at: models.Range(lte=at),
}
