"""The slab: one namespace's vectors as a growing float32 matrix."""

from typing import Final

import numpy as np

from sfm_core.errors import InvalidInput
from sfm_core.model import F32, I64, Mask
from sfm_core.slab.prefix import MIN_ROWS, PrefixIndex
from sfm_core.slab.snapshot import UNIT_TOLERANCE, SlabSnapshot, checked_units, epsilon

__all__ = ["UNIT_TOLERANCE", "Slab", "SlabSnapshot", "epsilon"]

_COPY_AHEAD_AT: Final = 0.875
_COPY_PER_ROW: Final = 8  # so that the last eighth of the rows carries all of them over
_COPY_AT_LEAST: Final = 64
_CHUNK: Final = 4096


class Slab:
    """Append-only rows of unit vectors: `vectors float32[capacity, dim]`, contiguous, doubling.

    Row numbers never change, so a snapshot is the array and a count: appending writes beyond
    it, growing makes another array. One writer at a time; `snapshot()` on any thread. Rows do
    not go; `compact` makes another slab without some.

    The last eighth before each doubling copies ahead into the next array, a few rows with
    every row appended, so that no single append pays for the whole (300 ms at 100 000 x 384).

    Memory: `capacity * 4 * dim` bytes, doubled while copying ahead, and for searches in more
    than `prefix_from` rows `4 * (dim / 4 + 1)` bytes a row more (`docs/adr/041`).
    """

    def __init__(self, dim: int, *, capacity: int = 1024, prefix_from: int = MIN_ROWS) -> None:
        if dim < 1 or capacity < 1:
            raise InvalidInput("a slab has at least one dimension and room for one row")
        self._vectors: F32 = np.empty((capacity, dim), dtype=np.float32)
        self._rows = 0
        self._index = PrefixIndex(dim, min_rows=prefix_from)
        self._next: F32 | None = None
        self._copied = 0

    @classmethod
    def restore(cls, vectors: F32) -> "Slab":
        """A slab with a copy of these rows (n, dim), and room for a quarter more.

        Raises:
            DimensionMismatch, InvalidInput: as `append`.
        """
        rows, dim = vectors.shape
        checked_units(vectors, dim)
        fresh = cls(dim, capacity=max(1024, rows + rows // 4))
        fresh._vectors[:rows] = vectors
        fresh._rows = rows
        return fresh

    @property
    def dim(self) -> int:
        return int(self._vectors.shape[1])

    @property
    def rows(self) -> int:
        return self._rows

    @property
    def nbytes(self) -> int:
        """Bytes allocated, prefix and the next array included."""
        ahead = 0 if self._next is None else self._next.nbytes
        return self._vectors.nbytes + ahead + self._index.nbytes

    def append(self, vectors: F32) -> int:
        """Add rows (m, dim) at the end; the number of the first.

        All or nothing. Cost: O(m dim), also where the slab grows, unless m is a large part of it.

        Raises:
            DimensionMismatch: the rows do not have the slab's dimension.
            InvalidInput: a row is not finite with L2 norm 1, or not float32.
        """
        checked_units(vectors, self.dim)
        first, count = self._rows, vectors.shape[0]
        end = first + count
        if end > self._vectors.shape[0]:
            self._grow(end)
        self._vectors[first:end] = vectors
        self._rows = end  # last: a reader that sees the count sees the rows
        if end > _COPY_AHEAD_AT * self._vectors.shape[0]:
            self._copy_ahead(_COPY_PER_ROW * count + _COPY_AT_LEAST)
        return first

    def holds(self, row: int, vector: F32) -> bool:
        """Whether the row has exactly these bits."""
        return bool(self._vectors[row].tobytes() == vector.tobytes())

    def snapshot(self) -> SlabSnapshot:
        """The rows of this moment, for any thread and any time."""
        rows = self._rows  # first: the array may only be newer than the count
        vectors = self._vectors[:rows]
        vectors.flags.writeable = False
        return SlabSnapshot(vectors, self._index)

    def compact(self, keep: Mask) -> "Slab":
        """A new slab with only the rows that `keep` (rows,) marks, in order.

        This slab and its snapshots stay as they are. Copies all that is kept: for a worker
        thread, while nothing is appended here.

        Raises:
            InvalidInput: the mask does not cover exactly the rows.
        """
        if keep.shape != (self._rows,) or keep.dtype != np.bool_:
            raise InvalidInput("the mask has another length than the slab")
        kept: I64 = np.flatnonzero(keep)
        count = kept.shape[0]
        fresh = Slab(self.dim, capacity=max(1024, count + count // 2))
        for start in range(0, count, _CHUNK):
            part = kept[start : start + _CHUNK]
            fresh._vectors[start : start + part.shape[0]] = self._vectors[part]
        fresh._rows = count
        fresh._index = self._index.kept(keep)
        return fresh

    def _grow(self, least: int) -> None:
        grown = self._next
        if grown is None or grown.shape[0] < least:
            capacity = max(least + least // 4, 2 * self._vectors.shape[0])
            grown, self._copied = np.empty((capacity, self.dim), dtype=np.float32), 0
        grown[self._copied : self._rows] = self._vectors[self._copied : self._rows]
        self._vectors, self._next, self._copied = grown, None, 0

    def _copy_ahead(self, most: int) -> None:
        if self._next is None:
            shape = (2 * self._vectors.shape[0], self.dim)
            self._next, self._copied = np.empty(shape, dtype=np.float32), 0
        end = min(self._rows, self._copied + most)
        self._next[self._copied : end] = self._vectors[self._copied : end]
        self._copied = end
