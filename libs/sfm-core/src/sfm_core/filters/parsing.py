"""From decoded JSON to a filter and back, with every fault named."""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from sfm_core.errors import Fault, InvalidInput
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
    depth_of,
    terms_of,
)

MAX_FAULTS: Final = 32
_EVERYTHING: Final = And(())
_ORDER: Final = frozenset({Op.GT, Op.GTE, Op.LT, Op.LTE})
_WHOLE: Final = frozenset({Op.EQ, Op.NE})
_LISTS: Final = frozenset({Op.IN, Op.NIN})
_EQUALITY: Final = frozenset({Op.EQ, Op.NE, *_LISTS, Op.EXISTS})


class _Wrong(Exception):
    """An operand that does not fit; says what would."""


def parse(raw: object, *, path: str = "/filter") -> Filter:
    """The filter that decoded JSON `raw` writes; `path` is where it stood in the request.

    Raises:
        InvalidInput: it breaks the grammar; one fault per problem (`MAX_FAULTS` at most).
    """
    faults: list[Fault] = []
    parsed = _Parser(faults).filter(raw, path, depth=0)
    if not faults and depth_of(parsed) > MAX_DEPTH:
        faults.append(_too_deep(path))
    if sum(1 for _ in terms_of(parsed)) > MAX_TERMS:
        faults.append(Fault(path, f"has more than {MAX_TERMS} comparisons"))
    if faults:
        raise InvalidInput("the filter is not valid", faults=faults[:MAX_FAULTS])
    return parsed


def to_json(filter_: Filter) -> dict[str, object]:
    """The filter as JSON, in one canonical form: `parse(to_json(f)) == f` if `f` was parsed."""
    match filter_:
        case Term():
            return {filter_.field: {filter_.op.value: _operand_json(filter_.operand)}}
        case Not():
            return {"$not": to_json(filter_.part)}
        case Or():
            return {"$or": [to_json(part) for part in filter_.parts]}
        case And(parts=()):
            return {}
        case And():
            return {"$and": [to_json(part) for part in filter_.parts]}


class _Parser:
    """Collects faults and goes on; what could not be read becomes `_EVERYTHING`."""

    def __init__(self, faults: list[Fault]) -> None:
        self._faults = faults

    def filter(self, raw: object, path: str, *, depth: int) -> Filter:
        if depth > MAX_DEPTH:
            self._faults.append(_too_deep(path))
            return _EVERYTHING
        if not isinstance(raw, Mapping):
            return self._wrong(path, "must be an object")
        parts: list[Filter] = []
        for key, value in raw.items():
            here = f"{path}/{_escaped(str(key))}"
            if key in {"$and", "$or"}:
                inner = self._list(value, here, depth + 1)
                parts.append(And(inner) if key == "$and" else Or(inner))
            elif key == "$not":
                parts.append(Not(self.filter(value, here, depth=depth + 1)))
            else:
                parts.extend(self._field(key, value, here))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _list(self, raw: object, path: str, depth: int) -> tuple[Filter, ...]:
        if not isinstance(raw, Sequence) or isinstance(raw, str) or not raw:
            self._wrong(path, "must be an array of at least one filter")
            return ()
        return tuple(self.filter(part, f"{path}/{at}", depth=depth) for at, part in enumerate(raw))

    def _field(self, field: object, raw: object, path: str) -> list[Filter]:
        if complaint := _complaint(field):
            return [self._wrong(path, complaint)]
        if not isinstance(raw, Mapping):
            return [self._term(str(field), Op.EQ, raw, path)]
        if not raw:
            return [self._wrong(path, "names no operator")]
        parts: list[Filter] = []
        for key, operand in raw.items():
            here = f"{path}/{_escaped(str(key))}"
            if key in _OPS:
                parts.append(self._term(str(field), _OPS[key], operand, here))
            elif key == "$not":
                parts.append(self._wrong(here, "stands outside: {'$not': {field: ...}}"))
            elif str(key).startswith("$"):
                parts.append(self._wrong(here, "is not an operator"))
            else:
                parts.append(self._wrong(here, "is not an operator; name fields by dotted paths"))
        return parts

    def _term(self, field: str, op: Op, raw: object, path: str) -> Filter:
        try:
            return Term(field, op, _operand(field, op, raw))
        except _Wrong as wrong:
            return self._wrong(path, str(wrong))

    def _wrong(self, path: str, message: str) -> Filter:
        self._faults.append(Fault(path, message))
        return _EVERYTHING


def _complaint(field: object) -> str | None:
    if not isinstance(field, str):
        return "is not a field name"
    if field.startswith("$"):
        return "is not an operator"
    if field.startswith("@"):
        known = ", ".join(sorted(SYSTEM_FIELDS))
        return None if field in SYSTEM_FIELDS else f"is not a system field; there are {known}"
    if len(field) > MAX_PATH_CHARS:
        return f"is longer than {MAX_PATH_CHARS} characters"
    return None if all(field.split(".")) else "has an empty key in its path"


def _operand(field: str, op: Op, raw: object) -> object:
    scalar, allowed = _TYPES.get(field, (_scalar, frozenset(Op)))
    if op not in allowed:
        raise _Wrong(f"does not go with {field}")
    if op is Op.EXISTS:
        if not isinstance(raw, bool):
            raise _Wrong("must be true or false")
        return raw
    if op in _LISTS:
        return _scalars(raw, scalar)
    if op in _ORDER and scalar is _scalar:
        return _ordered(raw)
    if (
        op in _WHOLE
        and scalar is _scalar
        and isinstance(raw, Sequence)
        and not isinstance(raw, str)
    ):
        return _scalars(raw, scalar)
    return scalar(raw)


def _scalars(raw: object, scalar: Callable[[object], object]) -> tuple[object, ...]:
    if not isinstance(raw, Sequence) or isinstance(raw, str):
        raise _Wrong("must be an array")
    if len(raw) > MAX_OPERANDS:
        raise _Wrong(f"has more than {MAX_OPERANDS} values")
    return tuple(map(scalar, raw))


def _scalar(raw: object) -> object:
    if raw is None or isinstance(raw, bool | str):
        return raw
    if isinstance(raw, int | float):
        return _number(raw)
    raise _Wrong("must be null, a boolean, a number or a string")


def _ordered(raw: object) -> object:
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        raise _Wrong("must be a number or a string")
    return _scalar(raw)


def _number(raw: object) -> object:
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise _Wrong("must be a number")
    if isinstance(raw, int) and not -(2**63) <= raw < 2**63:
        raise _Wrong("is outside the 64-bit integers")
    if not math.isfinite(raw):
        raise _Wrong("must be finite")
    return raw


def _string(raw: object) -> object:
    if not isinstance(raw, str):
        raise _Wrong("must be a string")
    return raw


def _kind(raw: object) -> object:
    if raw not in ("episodic", "semantic"):
        raise _Wrong("must be episodic or semantic")
    return raw


def _flag(raw: object) -> object:
    if not isinstance(raw, bool):
        raise _Wrong("must be true or false")
    return raw


def _time(raw: object) -> object:
    try:
        moment = datetime.fromisoformat(raw) if isinstance(raw, str) else None
        if moment is not None and moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise _Wrong("must be an ISO 8601 time with an offset, like 2026-05-01T12:00:00Z")


def _operand_json(operand: object) -> object:
    if isinstance(operand, tuple):
        return [_operand_json(item) for item in operand]
    return operand.isoformat() if isinstance(operand, datetime) else operand


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _too_deep(path: str) -> Fault:
    return Fault(path, f"is nested deeper than {MAX_DEPTH} levels")


_OPS: Final[Mapping[object, Op]] = {op.value: op for op in Op}
_TYPES: Final[Mapping[str, tuple[Callable[[object], object], frozenset[Op]]]] = {
    "@kind": (_kind, _EQUALITY),
    "@tags": (_string, frozenset(Op)),
    "@session": (_string, frozenset(Op)),
    "@source": (_string, frozenset(Op)),
    "@importance": (_number, frozenset(Op) - {Op.CONTAINS}),
    "@created_at": (_time, frozenset(Op) - {Op.CONTAINS}),
    "@updated_at": (_time, frozenset(Op) - {Op.CONTAINS}),
    "@occurred_at": (_time, frozenset(Op) - {Op.CONTAINS}),
    "@pinned": (_flag, _EQUALITY),
}
