"""A filter as a value: comparisons joined by and, or, not. Hashable; equal by content."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MAX_TERMS: Final = 16
MAX_DEPTH: Final = 8
MAX_OPERANDS: Final = 1000
MAX_PATH_CHARS: Final = 512
SYSTEM_FIELDS: Final = frozenset(
    {
        "@kind",
        "@tags",
        "@session",
        "@source",
        "@importance",
        "@created_at",
        "@updated_at",
        "@occurred_at",
        "@pinned",
    }
)


class Op(StrEnum):
    EQ = "$eq"
    NE = "$ne"
    GT = "$gt"
    GTE = "$gte"
    LT = "$lt"
    LTE = "$lte"
    IN = "$in"
    NIN = "$nin"
    EXISTS = "$exists"
    CONTAINS = "$contains"


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """One comparison. Equal terms have operands of equal types too: `1` is not `True` here."""

    field: str
    """`@name`, or a dotted path in the payload."""
    op: Op
    operand: object
    """A scalar; a tuple of scalars for `$in`/`$nin`, and for `$eq`/`$ne` with an array; UTC
    `datetime` in place of strings on the time fields."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Term) and self._content() == other._content()

    def __hash__(self) -> int:
        return hash(self._content())

    def _content(self) -> tuple[object, ...]:
        operands = self.operand if isinstance(self.operand, tuple) else (self.operand,)
        types = tuple(map(type, operands))
        return self.field, self.op, self.operand, types


@dataclass(frozen=True, slots=True)
class And:
    parts: "tuple[Filter, ...]"
    """None: admits everything."""


@dataclass(frozen=True, slots=True)
class Or:
    parts: "tuple[Filter, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    part: "Filter"


type Filter = Term | And | Or | Not


def terms_of(filter_: Filter) -> Iterator[Term]:
    """Every comparison, in order of writing."""
    match filter_:
        case Term():
            yield filter_
        case Not():
            yield from terms_of(filter_.part)
        case And() | Or():
            for part in filter_.parts:
                yield from terms_of(part)


def payload_paths(filter_: Filter) -> frozenset[str]:
    """The payload paths that the filter asks for."""
    return frozenset(term.field for term in terms_of(filter_)) - SYSTEM_FIELDS


def depth_of(filter_: Filter) -> int:
    """Levels of and, or, not; 0 for a single comparison."""
    match filter_:
        case Term():
            return 0
        case Not():
            return 1 + depth_of(filter_.part)
        case And() | Or():
            return 1 + max(map(depth_of, filter_.parts), default=0)


def constant_of(filter_: Filter) -> bool | None:
    """Whether the filter admits every memory, or none, whatever they are; None: it depends.

    Only what its form shows: an empty list of operands, an empty filter, and what follows.
    """
    match filter_:
        case Term(op=Op.IN, operand=()):
            return False
        case Term(op=Op.NIN, operand=()):
            return True
        case Term():
            return None
        case Not():
            inner = constant_of(filter_.part)
            return None if inner is None else not inner
        case And():
            return _joined(map(constant_of, filter_.parts), decides=False)
        case Or():
            return _joined(map(constant_of, filter_.parts), decides=True)


def _joined(parts: Iterable[bool | None], *, decides: bool) -> bool | None:
    """What and (`decides=False`) or or (`decides=True`) makes of the constants of its parts."""
    found = set(parts)
    if decides in found:
        return decides
    return None if None in found else not decides
