"""Growing columns of comparable values: dictionary-coded, or plain numbers."""

import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from threading import Lock
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from sfm_core.errors import Corrupt
from sfm_core.filters import Op, Reached, Term, predicate
from sfm_core.filters.matching import comparable
from sfm_core.model import F64, I32, Mask
from sfm_core.times import microseconds

MAX_TABLES: Final = 16
"""Comparisons remembered per column."""

type AnyArray = npt.NDArray[Any]


class Cells:
    """A growing array; the writer fills a cell before it counts."""

    __slots__ = ("_array", "_length")

    def __init__(self, dtype: type[np.generic]) -> None:
        self._array: AnyArray = np.empty(16, dtype=dtype)
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

    def head(self, rows: int) -> AnyArray:
        return self._array[:rows]

    def kept(self, keep: Mask) -> "Cells":
        return self.holding(self.head(keep.shape[0])[keep])

    def holding(self, values: AnyArray) -> "Cells":
        """New cells of the same type with these values."""
        fresh = Cells(self._array.dtype.type)
        fresh._length = values.shape[0]
        fresh._array = np.empty(max(16, 2 * fresh._length), dtype=self._array.dtype)
        fresh._array[: fresh._length] = values
        return fresh


class Coded:
    """A dictionary-coded column. Equal `Reached` values pass the same comparisons."""

    def __init__(
        self, dtype: type[np.signedinteger[Any]] = np.int32, *, fixed: Sequence[Reached] = ()
    ) -> None:
        self._fixed = bool(fixed)
        self._values = _Values(fixed)
        self._codes = Cells(dtype)
        self._tables: dict[Term, Mask] = {}

    @classmethod
    def absent(cls, rows: int) -> "Coded":
        """A column whose first `rows` rows reach nothing, which has the code 0."""
        fresh = cls()
        fresh.code(())
        fresh._codes = fresh._codes.holding(np.zeros(rows, dtype=np.int32))
        return fresh

    @classmethod
    def restore(cls, codes: AnyArray, values: Sequence[Reached]) -> "Coded":
        """The column with these codes (rows,) of these distinct values.

        Raises:
            Corrupt: a code names no value, or a value comes twice.
        """
        fresh = cls()
        fresh._values = _Values(values)
        fresh._codes = fresh._codes.holding(codes.astype(np.int32))
        fresh._check(len(values))
        return fresh

    def refill(self, codes: AnyArray) -> None:
        """Take these codes for all rows, of a column whose values are fixed.

        Raises:
            Corrupt: a code names no value.
        """
        self._codes = self._codes.holding(codes)
        self._check(len(self._values.list))

    def export(self, rows: int) -> tuple[AnyArray, list[Reached]]:
        """Codes of the first rows, and what they stand for, on any thread."""
        return self._codes.head(rows), list(self._values.list)

    def _check(self, values: int) -> None:
        codes = self._codes.head(len(self._codes))
        if self._values.distinct != values or (
            codes.size and not 0 <= int(codes.min()) <= int(codes.max()) < values
        ):
            raise Corrupt("the codes of a column do not fit its values")

    def __len__(self) -> int:
        return len(self._codes)

    @property
    def nbytes(self) -> int:
        return self._codes.nbytes + self._values.nbytes

    def append(self, value: Reached) -> None:
        self._codes.append(self._values.code(value))

    def code(self, value: Reached) -> int:
        """The value's code, now and later; any thread may ask, beside the writer."""
        return self._values.code(value)

    def fill(self, codes: I32) -> None:
        """Replace the codes of the first rows; the writer's part."""
        self._codes.head(codes.shape[0])[:] = codes

    def codes(self, rows: int) -> AnyArray:
        return self._codes.head(rows)

    def mask(self, term: Term, rows: int) -> Mask:
        codes = self._codes.head(rows)
        admitted: Mask = self._table(term)[codes]
        return admitted

    def kept(self, keep: Mask, *, whole: bool = False) -> "Coded":
        """A new column of the kept rows; `whole`: both go on with the same codes, old and new."""
        fresh = Coded()
        fresh._fixed = self._fixed
        fresh._codes = self._codes.kept(keep)
        if whole or self._fixed:
            fresh._values = self._values
            return fresh
        distinct, renumbered = np.unique(fresh._codes.head(len(fresh)), return_inverse=True)
        fresh._codes = fresh._codes.holding(renumbered)
        fresh._values = _Values([self._values.list[code] for code in distinct.tolist()])
        return fresh

    def _table(self, term: Term) -> Mask:
        """Truth of the comparison per code, for all codes given out so far."""
        table = self._tables.get(term)
        known, wanted = 0 if table is None else table.shape[0], len(self._values.list)
        if table is None or known < wanted:
            holds = predicate(term)
            values = self._values.list[known:wanted]
            more: Mask = np.fromiter(map(holds, values), dtype=np.bool_, count=len(values))
            table = more if table is None else np.concatenate((table, more))
            if len(self._tables) >= MAX_TABLES:
                self._tables = {}
            self._tables[term] = table
        return table


class _Values:
    """Distinct values, numbered as they come; a code, once given out, stays."""

    __slots__ = ("_code_of", "_lock", "list", "nbytes")

    def __init__(self, values: Sequence[Reached] = ()) -> None:
        self.list: list[Reached] = list(values)
        self.nbytes = sum(map(_size, self.list))
        self._code_of = {value: code for code, value in enumerate(self.list)}
        self._lock = Lock()

    @property
    def distinct(self) -> int:
        return len(self._code_of)

    def code(self, value: Reached) -> int:
        code = self._code_of.get(value)
        return self._new(value) if code is None else code

    def _new(self, value: Reached) -> int:
        with self._lock:
            code = self._code_of.get(value)
            if code is None:
                code = len(self.list)
                self.list.append(value)  # before its code: a reader looks codes up here
                self._code_of[value] = code
                self.nbytes += _size(value)
            return code


def _size(value: Reached) -> int:
    return 160 + sum(len(part) for part in value if isinstance(part, str | tuple))


def compared(values: AnyArray, term: Term) -> Mask:
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


def importance_mask(values: F64, term: Term) -> Mask:
    operands = term.operand if isinstance(term.operand, tuple) else (term.operand,)
    if all(abs(_plain(operand)) <= 2**53 for operand in operands):
        return compared(values, term)
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
