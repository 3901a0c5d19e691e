"""The filter grammar: what agents know from Mongo, applied before top-k in every engine.

`{"field": value}` and `{"field": {"$op": value}}`, joined by `$and`, `$or`, `$not`; several
fields in one object are joined by and. A field is a dotted path in the payload, or one of
`SYSTEM_FIELDS`. At most `MAX_TERMS` comparisons.

Meaning (that of Mongo, and of a lax SQL/JSON path, so that Postgres can evaluate it too):

- A dotted path steps through objects; an array on the way, or at the end, stands for each of
  its elements (one level). What it reaches are the path's *candidates*; none: *absent*.
- `$eq` (and a bare value): some candidate equals it (or, at the end of the path, the array
  itself does). Numbers compare by value (1 = 1.0), booleans are not numbers, null equals null.
- `$gt $gte $lt $lte`: some candidate of the operand's type (number, or string by code point)
  compares so. On `@created_at @updated_at @occurred_at` operands are ISO 8601 times with an
  offset, compared as instants.
- `$in`: `$eq` to some operand. `$ne`, `$nin`: the negation of `$eq`, `$in` (so absent matches).
- `$exists`: the path has (`true`) or lacks (`false`) a candidate; null is one.
- `$contains`: some candidate is a string with this substring (case-sensitive), or an element
  of an array equals it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MAX_TERMS: Final = 16
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


type Scalar = bool | int | float | str | None


@dataclass(frozen=True, slots=True)
class Term:
    """One comparison."""

    field: str
    """`@name`, or a dotted path in the payload."""
    op: Op
    operand: object
    """Decoded JSON; for `$in`/`$nin` a tuple of scalars; for the time fields a UTC `datetime`."""


@dataclass(frozen=True, slots=True)
class And:
    parts: "tuple[Filter, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    parts: "tuple[Filter, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    part: "Filter"


type Filter = Term | And | Or | Not
