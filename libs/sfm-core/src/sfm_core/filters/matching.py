"""Does one memory pass a filter: the reference that every engine's filtering must equal."""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from sfm_core.filters.tree import And, Filter, Not, Op, Or, Term

type Reached = tuple[object, ...]
"""What a path reaches, made comparable by `==` and hashable: null, strings and numbers as they
are (large floats as the integer they write), arrays as tuples, all else an `Opaque`."""

_EXACT_BELOW: Final = 2.0**53
"""Below, a float's value and its shortest decimal form compare alike with any integer."""


class Opaque(Enum):
    """Values that must not be taken for others: `True == 1` in Python, but not in a filter."""

    FALSE = 0
    TRUE = 1
    OBJECT = 2
    NESTED_ARRAY = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """What filters may ask of a memory."""

    kind: str
    tags: Sequence[str]
    session: str | None
    source: str | None
    importance: float
    created_at: datetime
    updated_at: datetime
    occurred_at: datetime
    """Effective: the time of creation where the caller gave none."""
    pinned: bool
    payload: Mapping[str, object]
    expires_at: datetime | None = None
    """Not asked by filters; carried for the views."""


def matches(filter_: Filter, row: Attributes) -> bool:
    """True when `filter_` admits `row`."""
    match filter_:
        case Term():
            return predicate(filter_)(reached(row, filter_.field))
        case And():
            return all(matches(part, row) for part in filter_.parts)
        case Or():
            return any(matches(part, row) for part in filter_.parts)
        case Not():
            return not matches(filter_.part, row)


def reached(row: Attributes, field: str) -> Reached:
    """What `field`, of the system or a payload path, reaches in `row`."""
    match field:
        case "@kind":
            return (str(row.kind),)
        case "@tags":
            return tuple(row.tags)
        case "@session" | "@source":
            value = row.session if field == "@session" else row.source
            return () if value is None else (value,)
        case "@importance" | "@pinned":
            return (comparable(float(row.importance) if field == "@importance" else row.pinned),)
        case "@created_at":
            return (row.created_at,)
        case "@updated_at":
            return (row.updated_at,)
        case "@occurred_at":
            return (row.occurred_at,)
        case _:
            return lookup(row.payload, field)


def lookup(payload: Mapping[str, object], path: str) -> Reached:
    """The values that a dotted path reaches in a payload; empty when it is absent."""
    values: list[object] = [payload]
    for key in path.split("."):
        values = [value[key] for value in _objects(values) if key in value]
    return tuple(comparable(value) for value in values)


def comparable(value: object, *, depth: int = 2) -> object:
    """Decoded JSON as `Reached` holds it; arrays nested deeper than `depth` are opaque."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return Opaque.TRUE if value else Opaque.FALSE
    if isinstance(value, float):
        return value if abs(value) < _EXACT_BELOW else int(Decimal(repr(value)))
    if isinstance(value, int | datetime):
        return value
    if isinstance(value, Sequence):
        if depth == 0:
            return Opaque.NESTED_ARRAY
        return tuple(comparable(item, depth=depth - 1) for item in value)
    return Opaque.OBJECT


def predicate(term: Term) -> Callable[[Reached], bool]:
    """The comparison of `term` as a function of what its field reaches."""
    match term.op:
        case Op.EQ:
            return _equals(comparable(term.operand))
        case Op.NE:
            return _negated(_equals(comparable(term.operand)))
        case Op.IN:
            return _is_in(term.operand)
        case Op.NIN:
            return _negated(_is_in(term.operand))
        case Op.EXISTS:
            return _exists(term.operand is True)
        case Op.CONTAINS:
            return _contains(comparable(term.operand))
        case _:
            return _compares(_ORDER[term.op], comparable(term.operand))


def _objects(values: Sequence[object]) -> Iterator[Mapping[str, object]]:
    for value in values:
        if isinstance(value, Mapping):
            yield value
        elif isinstance(value, Sequence) and not isinstance(value, str):
            yield from (item for item in value if isinstance(item, Mapping))


def _candidates(values: Reached) -> Iterator[object]:
    for value in values:
        yield value
        if isinstance(value, tuple):
            yield from value


def _equals(operand: object) -> Callable[[Reached], bool]:
    return lambda values: (
        operand in values or any(operand in value for value in values if isinstance(value, tuple))
    )


def _is_in(operands: object) -> Callable[[Reached], bool]:
    wanted = frozenset(
        comparable(operand) for operand in (operands if isinstance(operands, tuple) else ())
    )
    return lambda values: any(candidate in wanted for candidate in _candidates(values))


def _exists(present: bool) -> Callable[[Reached], bool]:
    return lambda values: bool(values) is present


def _contains(operand: object) -> Callable[[Reached], bool]:
    if isinstance(operand, str):
        return lambda values: any(
            isinstance(candidate, str) and operand in candidate for candidate in _candidates(values)
        )
    return lambda values: any(operand in value for value in values if isinstance(value, tuple))


def _compares(holds: Callable[[Any, Any], bool], bound: object) -> Callable[[Reached], bool]:
    same_type: type | tuple[type, ...] = type(bound)
    if isinstance(bound, int | float):
        same_type = (int, float)
    return lambda values: any(
        isinstance(candidate, same_type) and holds(candidate, bound)
        for candidate in _candidates(values)
    )


def _negated(holds: Callable[[Reached], bool]) -> Callable[[Reached], bool]:
    return lambda values: not holds(values)


_ORDER: Final[Mapping[Op, Callable[[Any, Any], bool]]] = {
    Op.GT: operator.gt,
    Op.GTE: operator.ge,
    Op.LT: operator.lt,
    Op.LTE: operator.le,
}
