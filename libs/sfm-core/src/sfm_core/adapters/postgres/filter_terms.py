"""Filters as bound values: the list's SQL stays one fixed text whatever is asked.

Each comparison goes to the server as (path, operator, operand); there it becomes true or false.
How they are joined goes as a SQL/JSON path over the array of these truths: `($[0] == true &&
!($[1] == true))`. Nothing of a request is ever part of the SQL.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from json import dumps as quoted

from sfm_core import jsontext
from sfm_core.filters import SYSTEM_FIELDS, And, Filter, Not, Op, Or, Term
from sfm_core.times import microseconds

_SAME_AS_IN = (Op.EQ, Op.IN)
_NEGATED = {Op.NE: Op.EQ, Op.NIN: Op.IN}


@dataclass(frozen=True, slots=True)
class FilterTerms:
    """What the `list` query takes, in its order."""

    joined: str | None
    """None: no filter."""
    paths: Sequence[str]
    """SQL/JSON paths into the payload, or the names of system fields."""
    operators: Sequence[str]
    operands: Sequence[str]
    """JSON, times as microseconds from the epoch; for `$in` an array of what is equal."""


def filter_terms(part: Filter | None) -> FilterTerms:
    """The filter in the form that the server evaluates; equal to `sfm_core.filters.matches`."""
    terms: list[tuple[str, str, str]] = []
    joined = None if part is None else _joined(part, terms)
    return FilterTerms(joined, [t[0] for t in terms], [t[1] for t in terms], [t[2] for t in terms])


def _joined(part: Filter, terms: list[tuple[str, str, str]]) -> str:
    match part:
        case And(parts):
            return f"({' && '.join(_joined(p, terms) for p in parts) or '1 == 1'})"
        case Or(parts):
            return f"({' || '.join(_joined(p, terms) for p in parts) or '1 == 0'})"
        case Not(inner):
            return f"(!{_joined(inner, terms)})"
        case Term(field, op, operand):
            negated = op in _NEGATED or (op is Op.EXISTS and operand is not True)
            op = _NEGATED.get(op, op)
            equals = [operand] if op is Op.EQ else operand
            bound = jsontext.dumps(_bound(equals)).decode()
            terms.append((_path(field), "$in" if op in _SAME_AS_IN else op.value, bound))
            truth = f"($[{len(terms) - 1}] == true)"
            return f"(!{truth})" if negated else truth


def _path(field: str) -> str:
    if field in SYSTEM_FIELDS:
        return field
    return ".".join(["$", *map(quoted, field.split("."))])


def _bound(operand: object) -> object:
    if isinstance(operand, datetime):
        return microseconds(operand)
    if isinstance(operand, list | tuple):
        return [_bound(item) for item in operand]
    return operand
