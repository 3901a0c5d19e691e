"""The filter grammar: what agents know from Mongo, applied before top-k in every engine.

`{"field": value}` and `{"field": {"$op": value}}`, joined by `$and`, `$or`, `$not`; several
fields in one object, and several operators on one field, are joined by and. `{}` admits
everything. A field is a dotted path in the payload, or one of `SYSTEM_FIELDS`. Limits:
`MAX_TERMS` comparisons, `MAX_DEPTH` levels of `$and`/`$or`/`$not` (an implied and counts),
`MAX_OPERANDS` values in one list, `MAX_PATH_CHARS` characters in a path.

**What a path reaches.** Each key steps into an object; where an array stands on the way, into
each of its elements that is an object (one level: an array inside that array is passed over).
Keys are literal: `a.0` is the key `"0"`, never an index; a key that holds a dot, or a top-level
key that starts with `@` or `$`, cannot be addressed. The *candidates* are the values reached
and, for each that is an array, its elements (one level). No value reached: the path is
*absent*. So `null`, `{}` and `[]` are present; `[]` is its own only candidate. This is the lax
SQL/JSON path `$."a"."b"`, whose result items are the values reached; for the elements it takes
`jsonb_array_elements` of those that are arrays.

**Equality.** Strings by code point, without normalisation. Numbers by value: `1` = `1.0`,
`-0.0` = `0`; a number counts as what its shortest decimal form says (as `jsonb` keeps it; for
`@importance` in SQL: `to_jsonb(importance)`), so `1e23` is exactly 10^23, and the integer
2^53 + 1 differs from 2^53. A boolean is not a number, a number not a string, null equals only
null. Arrays are equal element by element, in order; as an operand's elements are scalars, an
array that holds an object or an array equals none.

**Operators** (operand: *scalar* = null, boolean, number, string):

- `$eq` (and a bare value; scalar or array of scalars): some candidate equals it. So `[]` equals
  the empty array only, and null does not match an absent path. `$ne`: not `$eq`, so absent matches.
- `$in` (array of scalars, may be empty): `$eq` to some of them. `$nin`: not `$in`.
- `$gt $gte $lt $lte` (number or string): some candidate *of the operand's type* compares so;
  strings by code point (`COLLATE "C"`). Two bounds on an array may be met by two elements.
- `$exists` (boolean): the path is present (`true`) or absent (`false`).
- `$contains` (scalar): some candidate is a string with this substring (case-sensitive; the
  empty string is in every string), or an element of a reached array equals it. A number does
  not contain a number.
- `$not` negates a whole filter (`{"$not": {"a": {"$gt": 1}}}`), not an operator. There is no
  third truth value: a comparison that does not apply is false, its negation true.

A bare object is refused: compare its fields by dotted paths. Objects equal nothing.

**System fields** take scalars of their own type only, null never:

| field | operand | operators |
|---|---|---|
| `@kind` | `episodic`, `semantic` | `$eq $ne $in $nin $exists` |
| `@tags` | string; candidates are the tags, absent without tags | all |
| `@session @source` | string; absent when not set | all |
| `@importance` | number | all but `$contains` |
| `@created_at @updated_at @occurred_at` | ISO 8601 time with offset | all but `$contains` |
| `@pinned` | boolean | `$eq $ne $in $nin $exists` |

Times compare as instants, to the microsecond. `@occurred_at` is when the memory happened: the
time of storing, where the caller gave none.
"""

from sfm_core.filters.matching import (
    Attributes,
    Opaque,
    Reached,
    lookup,
    matches,
    predicate,
    reached,
)
from sfm_core.filters.parsing import parse, to_json
from sfm_core.filters.tree import (
    MAX_DEPTH,
    MAX_OPERANDS,
    MAX_PATH_CHARS,
    MAX_TERMS,
    SYSTEM_FIELDS,
    And,
    Filter,
    Not,
    Op,
    Or,
    Term,
    constant_of,
    payload_paths,
    terms_of,
)

__all__ = [
    "MAX_DEPTH",
    "MAX_OPERANDS",
    "MAX_PATH_CHARS",
    "MAX_TERMS",
    "SYSTEM_FIELDS",
    "And",
    "Attributes",
    "Filter",
    "Not",
    "Op",
    "Opaque",
    "Or",
    "Reached",
    "Term",
    "constant_of",
    "lookup",
    "matches",
    "parse",
    "payload_paths",
    "predicate",
    "reached",
    "terms_of",
    "to_json",
]
