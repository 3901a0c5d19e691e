"""Filters as bound values: the list's SQL stays one fixed text whatever is asked.

Each comparison goes to the server as (path, operator, operand); there it becomes true or false.
How they are joined goes as a SQL/JSON path over the array of these truths: `($[0] == true &&
!($[1] == true))`. Nothing of a request is ever part of the SQL.

Beside that goes what any admitted row must have, in a form that costs a tenth or has an index:
`rough`, a SQL/JSON predicate on the payload, and the sessions, sources and tags that are asked for.
It may admit too much, never too little; the comparisons decide.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from json import dumps as quoted

from sfm_core import jsontext
from sfm_core.filters import SYSTEM_FIELDS, And, Filter, Not, Op, Or, Term
from sfm_core.times import microseconds

_SAME_AS_IN = (Op.EQ, Op.IN)
_NEGATED = {Op.NE: Op.EQ, Op.NIN: Op.IN}
_ORDER = {Op.GT: ">", Op.GTE: ">=", Op.LT: "<", Op.LTE: "<="}


@dataclass(frozen=True, slots=True)
class FilterTerms:
    """What the part `admits` of a statement takes."""

    joined: str | None
    """None: no filter."""
    paths: Sequence[str]
    """SQL/JSON paths into the payload, or the names of system fields."""
    operators: Sequence[str]
    operands: Sequence[str]
    """JSON, times as microseconds from the epoch; for `$in` an array of what is equal."""
    rough: str | None
    """None: nothing is known of the payload; so with the others."""
    sessions: Sequence[str] | None
    sources: Sequence[str] | None
    tags: Sequence[str] | None
    """All of them."""
    pinned: bool | None
    least: float | None
    """Of the importance."""
    most: float | None

    def arguments(self) -> tuple[object, ...]:
        """In the order of the fields, which is that of the statements."""
        return (
            *(self.joined, self.paths, self.operators, self.operands),
            *(self.rough, self.sessions, self.sources, self.tags),
            *(self.pinned, self.least, self.most),
        )


def filter_terms(part: Filter | None) -> FilterTerms:
    """The filter in the form that the server evaluates; equal to `sfm_core.filters.matches`."""
    terms: list[tuple[str, str, str]] = []
    required = [] if part is None else list(_required(part))
    tags = [t.operand for t in required if _is(t, "@tags", Op.EQ)]
    return FilterTerms(
        joined=None if part is None else _joined(part, terms),
        paths=[term[0] for term in terms],
        operators=[term[1] for term in terms],
        operands=[term[2] for term in terms],
        rough=None if part is None else _rough(part),
        sessions=_one_of(required, "@session"),
        sources=_one_of(required, "@source"),
        tags=[str(tag) for tag in tags] or None,
        pinned=next((t.operand is True for t in required if _is(t, "@pinned", Op.EQ)), None),
        least=max(_bounds(required, Op.GT, Op.GTE, Op.EQ), default=None),
        most=min(_bounds(required, Op.LT, Op.LTE, Op.EQ), default=None),
    )


def _is(term: Term, field: str, *ops: Op) -> bool:
    return term.field == field and term.op in ops


def _bounds(required: Sequence[Term], *ops: Op) -> list[float]:
    """The nearest floats: as importances are floats too, each bound leaves out none of them."""
    operands = [t.operand for t in required if _is(t, "@importance", *ops)]
    return [float(operand) for operand in operands if isinstance(operand, int | float)]


def _required(part: Filter) -> Iterator[Term]:
    """Comparisons that hold for whatever is admitted."""
    if isinstance(part, Term):
        yield part
    elif isinstance(part, And):
        for inner in part.parts:
            yield from _required(inner)


def _one_of(required: Sequence[Term], field: str) -> Sequence[str] | None:
    """The values of which the field has one; the shortest list when there are several."""
    lists = [
        [str(value) for value in (t.operand if isinstance(t.operand, tuple) else (t.operand,))]
        for t in required
        if _is(t, field, *_SAME_AS_IN)
    ]
    return min(lists, key=len, default=None)


def _rough(part: Filter) -> str | None:
    """A predicate on the payload that is true of whatever is admitted; None: none is known."""
    match part:
        case And(parts):
            known = [rough for inner in parts if (rough := _rough(inner)) is not None]
            return f"({' && '.join(known)})" if known else None
        case Or(parts):
            known = [rough for inner in parts if (rough := _rough(inner)) is not None]
            return f"({' || '.join(known)})" if known and len(known) == len(parts) else None
        case Term(field, op, operand) if field not in SYSTEM_FIELDS:
            return _rough_term(_path(field), op, operand)
        case _:
            return None


def _rough_term(path: str, op: Op, operand: object) -> str | None:
    if op is Op.EXISTS and operand is True:
        return f"exists({path})"
    if op is Op.IN and isinstance(operand, tuple) and operand:
        equal = " || ".join(f"@ == {_literal(value)}" for value in operand)
        return f"exists({path} ? ({equal}))"
    if op is Op.EQ and not isinstance(operand, tuple):
        return f"exists({path} ? (@ == {_literal(operand)}))"
    if op in _ORDER and isinstance(operand, int | float) and not isinstance(operand, bool):
        return f"exists({path} ? (@ {_ORDER[op]} {_literal(operand)}))"
    return None


def _literal(value: object) -> str:
    return quoted(value) if isinstance(value, str) else jsontext.dumps(value).decode()


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
