"""Attributes of all rows of a recall view, as arrays: filters become row masks before top-k."""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import count
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from sfm_core.filters import (
    SYSTEM_FIELDS,
    And,
    Attributes,
    Filter,
    Not,
    Op,
    Or,
    Reached,
    Term,
    lookup,
    payload_paths,
    predicate,
    reached,
)
from sfm_core.filters.matching import comparable
from sfm_core.model import F64, I64, Kind, Mask
from sfm_core.times import microseconds

MAX_PAYLOAD_COLUMNS: Final = 64
MAX_TABLES: Final = 16
"""Comparisons remembered per column."""
NEVER: Final = int(np.iinfo(np.int64).max)
"""`expires_at` of rows that do not expire."""
KIND_CODES: Final[Mapping[Kind, int]] = {Kind.EPISODIC: 0, Kind.SEMANTIC: 1}

type _AnyArray = npt.NDArray[Any]


class Columns:
    """One row per memory, append-only, in the view's numbering.

    Text, tags, kinds and payload paths are dictionary-coded: a comparison is evaluated once
    per distinct value, remembered, and gathered by code. Numbers and times are compared as
    arrays. A payload path has a column from `build` on; beyond `MAX_PAYLOAD_COLUMNS` the least
    recently asked one goes.

    One writer (`append`, `build`; `compact` gives a new object). Any thread may read the first
    n rows, n being what `rows` was at some time, while the writer goes on: cells are written
    before they count, and growth leaves the arrays that a reader holds alone.

    Memory: 50 bytes per row, 4 per row and payload column, and the distinct values.
    """

    def __init__(self) -> None:
        self._rows = 0
        kinds = [(kind.value,) for kind in KIND_CODES]
        self._coded: dict[str, _Coded] = {
            "@kind": _Coded(np.int8, fixed=kinds),
            "@pinned": _Coded(np.int8, fixed=[(comparable(flag),) for flag in (False, True)]),
            "@tags": _Coded(),
            "@session": _Coded(),
            "@source": _Coded(),
        }
        self._importance = _Cells(np.float64)
        self._times = {
            name: _Cells(np.int64)
            for name in ("@created_at", "@updated_at", "@occurred_at", "expires_at")
        }
        self._payload: dict[str, _Coded] = {}
        self._asked: dict[str, int] = {}
        self._clock = count()

    @property
    def rows(self) -> int:
        return self._rows

    @property
    def paths(self) -> frozenset[str]:
        """Payload paths that have a column; without any, `append` does not look at payloads."""
        return frozenset(self._payload)

    @property
    def nbytes(self) -> int:
        """Bytes held; for the distinct values, an estimate."""
        coded = (*self._coded.values(), *self._payload.values())
        cells = (self._importance, *self._times.values())
        return sum(column.nbytes for column in coded) + sum(column.nbytes for column in cells)

    # -- writing ---------------------------------------------------------------------------

    def append(self, attributes: Attributes) -> int:
        """Add the next row; its number."""
        for name, column in self._coded.items():
            column.append(reached(attributes, name))
        for path, column in self._payload.items():
            column.append(lookup(attributes.payload, path))
        expires_at = attributes.expires_at
        self._importance.append(attributes.importance)
        self._times["@created_at"].append(microseconds(attributes.created_at))
        self._times["@updated_at"].append(microseconds(attributes.updated_at))
        self._times["@occurred_at"].append(microseconds(attributes.occurred_at))
        self._times["expires_at"].append(NEVER if expires_at is None else microseconds(expires_at))
        self._rows += 1
        return self._rows - 1

    def build(self, path: str, payloads: Iterable[Mapping[str, object]]) -> None:
        """Make the column of a payload path; `payloads` has one per row, in row order.

        Raises:
            ValueError: another number of payloads than rows, or a system field.
        """
        if path in SYSTEM_FIELDS:
            raise ValueError(f"{path} is not a payload path")
        column = _Coded()
        for payload in payloads:
            column.append(lookup(payload, path))
        if len(column) != self._rows:
            raise ValueError(f"{len(column)} payloads for {self._rows} rows")
        self._asked[path] = next(self._clock)
        kept = {**self._payload, path: column}
        while len(kept) > MAX_PAYLOAD_COLUMNS:
            oldest = min(kept, key=lambda held: self._asked.get(held, -1))
            del kept[oldest]
            self._asked.pop(oldest, None)
        self._payload = kept

    def compact(self, keep: Mask) -> "Columns":
        """New columns of the kept rows, renumbered in order; `keep` has shape (rows,).

        Values that no kept row has are forgotten. This object stays as it is.
        """
        fresh = Columns()
        fresh._coded = {name: column.kept(keep) for name, column in self._coded.items()}
        fresh._payload = {path: column.kept(keep) for path, column in self._payload.items()}
        fresh._importance = self._importance.kept(keep)
        fresh._times = {name: cells.kept(keep) for name, cells in self._times.items()}
        fresh._asked = dict(self._asked)
        fresh._clock = count(max(self._asked.values(), default=-1) + 1)
        fresh._rows = int(np.count_nonzero(keep))
        return fresh

    # -- reading ---------------------------------------------------------------------------

    def missing(self, filter_: Filter) -> frozenset[str]:
        """Payload paths of the filter that have no column; the others count as just asked."""
        paths = payload_paths(filter_)
        held = self._payload
        for path in paths & held.keys():
            self._asked[path] = next(self._clock)
        return paths - held.keys()

    def mask(self, filter_: Filter, rows: int) -> Mask:
        """Which of the first `rows` rows the filter admits, shape (rows,); a fresh array.

        Equal to `matches` row by row. Cost: one gather per comparison, and, the first time a
        comparison is asked, one evaluation per distinct value.

        Raises:
            LookupError: a payload path has no column (`missing` says which).
            ValueError: there are fewer rows.
        """
        if rows > self._rows:
            raise ValueError(f"{rows} rows asked, {self._rows} there")
        match filter_:
            case Term():
                return self._term(filter_, rows)
            case Not():
                return ~self.mask(filter_.part, rows)
            case And():
                admitted: Mask = np.ones(rows, dtype=np.bool_)
                for part in filter_.parts:
                    admitted &= self.mask(part, rows)
                return admitted
            case Or():
                admitted = np.zeros(rows, dtype=np.bool_)
                for part in filter_.parts:
                    admitted |= self.mask(part, rows)
                return admitted

    def kinds(self, rows: int) -> npt.NDArray[np.int8]:
        """`KIND_CODES` of the first rows, shape (rows,); not a copy, like those below."""
        return self._coded["@kind"].codes(rows)

    def importance(self, rows: int) -> F64:
        return self._importance.head(rows)

    def created_at(self, rows: int) -> I64:
        """Microseconds since the epoch (`sfm_core.times`), like those below."""
        return self._times["@created_at"].head(rows)

    def happened_at(self, rows: int) -> I64:
        """The effective `@occurred_at`."""
        return self._times["@occurred_at"].head(rows)

    def expires_at(self, rows: int) -> I64:
        """`NEVER` where a row does not expire."""
        return self._times["expires_at"].head(rows)

    def _term(self, term: Term, rows: int) -> Mask:
        if term.field in self._times:
            return _compared(self._times[term.field].head(rows), term)
        if term.field == "@importance":
            return _importance_mask(self._importance.head(rows), term)
        held = self._coded if term.field in SYSTEM_FIELDS else self._payload
        column = held.get(term.field)
        if column is None:
            raise LookupError(f"no column for {term.field}")
        return column.mask(term, rows)


class _Cells:
    """A growing array; the writer fills a cell before it counts."""

    __slots__ = ("_array", "_length")

    def __init__(self, dtype: type[np.generic]) -> None:
        self._array: _AnyArray = np.empty(16, dtype=dtype)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def nbytes(self) -> int:
        return self._array.nbytes

    def append(self, value: float) -> None:
        if self._length == self._array.shape[0]:
            grown = np.empty(2 * self._length, dtype=self._array.dtype)
            grown[: self._length] = self._array
            self._array = grown
        self._array[self._length] = value
        self._length += 1

    def head(self, rows: int) -> _AnyArray:
        return self._array[:rows]

    def kept(self, keep: Mask) -> "_Cells":
        return self.holding(self.head(keep.shape[0])[keep])

    def holding(self, values: _AnyArray) -> "_Cells":
        """New cells of the same type with these values."""
        fresh = _Cells(self._array.dtype.type)
        fresh._length = values.shape[0]
        fresh._array = np.empty(max(16, 2 * fresh._length), dtype=self._array.dtype)
        fresh._array[: fresh._length] = values
        return fresh


class _Coded:
    """A dictionary-coded column. Equal `Reached` values pass the same comparisons."""

    def __init__(
        self, dtype: type[np.signedinteger[Any]] = np.int32, *, fixed: Sequence[Reached] = ()
    ) -> None:
        self._fixed = bool(fixed)
        self._values: list[Reached] = list(fixed)
        self._code_of = {value: code for code, value in enumerate(self._values)}
        self._codes = _Cells(dtype)
        self._tables: dict[Term, Mask] = {}
        self._value_bytes = 0

    def __len__(self) -> int:
        return len(self._codes)

    @property
    def nbytes(self) -> int:
        return self._codes.nbytes + self._value_bytes

    def append(self, value: Reached) -> None:
        code = self._code_of.get(value)
        if code is None:
            code = len(self._values)
            self._values.append(value)
            self._code_of[value] = code
            self._value_bytes += _size(value)
        self._codes.append(code)

    def codes(self, rows: int) -> _AnyArray:
        return self._codes.head(rows)

    def mask(self, term: Term, rows: int) -> Mask:
        admitted: Mask = self._table(term)[self._codes.head(rows)]
        return admitted

    def kept(self, keep: Mask) -> "_Coded":
        codes = self._codes.kept(keep)
        fresh = _Coded()
        fresh._fixed = self._fixed
        used = range(len(self._values))
        if not self._fixed:
            distinct, renumbered = np.unique(codes.head(len(codes)), return_inverse=True)
            codes, used = codes.holding(renumbered), distinct.tolist()
        fresh._values = [self._values[code] for code in used]
        fresh._code_of = {value: code for code, value in enumerate(fresh._values)}
        fresh._codes = codes
        fresh._value_bytes = sum(map(_size, fresh._values))
        return fresh

    def _table(self, term: Term) -> Mask:
        """Truth of the comparison per code, for all codes given out so far."""
        table = self._tables.get(term)
        known, wanted = 0 if table is None else table.shape[0], len(self._values)
        if table is None or known < wanted:
            holds = predicate(term)
            values = self._values[known:wanted]
            more: Mask = np.fromiter(map(holds, values), dtype=np.bool_, count=len(values))
            table = more if table is None else np.concatenate((table, more))
            if len(self._tables) >= MAX_TABLES:
                self._tables = {}
            self._tables[term] = table
        return table


def _size(value: Reached) -> int:
    return 160 + sum(len(part) for part in value if isinstance(part, str | tuple))


def _compared(values: _AnyArray, term: Term) -> Mask:
    """`term` over an array of numbers that are all there; operands exact in its type."""
    if term.op is Op.EXISTS:
        return np.full(values.shape, term.operand is True)
    if term.op in {Op.IN, Op.NIN}:
        operands = term.operand if isinstance(term.operand, tuple) else ()
        wanted = np.array([_plain(operand) for operand in operands], dtype=values.dtype)
        found: Mask = np.isin(values, wanted, invert=term.op is Op.NIN)
        return found
    admitted: Mask = _COMPARE[term.op](values, values.dtype.type(_plain(term.operand)))
    return admitted


def _importance_mask(values: F64, term: Term) -> Mask:
    operands = term.operand if isinstance(term.operand, tuple) else (term.operand,)
    if all(abs(_plain(operand)) <= 2**53 for operand in operands):
        return _compared(values, term)
    distinct, inverse = np.unique(values, return_inverse=True)
    holds = predicate(term)
    truths = [holds((comparable(value),)) for value in distinct.tolist()]
    return np.array(truths, dtype=np.bool_)[inverse]


def _plain(operand: object) -> int | float:
    if isinstance(operand, datetime):
        return microseconds(operand)
    if isinstance(operand, int | float):
        return operand
    raise TypeError(f"{operand!r} is not a number or a time")


_COMPARE: Final[Mapping[Op, Callable[[Any, Any], Any]]] = {
    Op.EQ: operator.eq,
    Op.NE: operator.ne,
    Op.GT: operator.gt,
    Op.GTE: operator.ge,
    Op.LT: operator.lt,
    Op.LTE: operator.le,
}
