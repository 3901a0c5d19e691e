"""A one-dimensional array that grows at its end, in place of a list of numbers."""

import numpy as np
import numpy.typing as npt


class Grown[T: np.generic]:
    """Append-only storage with doubling; `view()` shares memory with it.

    One writer. Cells below `len` may be overwritten through `view()`, so a reader on another
    thread takes a copy; growth replaces the array and leaves what a reader holds alone.
    """

    __slots__ = ("_array", "_length")

    def __init__(self, dtype: type[T], *, capacity: int = 16) -> None:
        self._array: npt.NDArray[T] = np.zeros(capacity, dtype=dtype)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def nbytes(self) -> int:
        return self._array.nbytes

    def append(self, value: float) -> None:
        if self._length == self._array.shape[0]:
            grown = np.zeros(max(16, 2 * self._length), dtype=self._array.dtype)
            grown[: self._length] = self._array
            self._array = grown
        self._array[self._length] = value
        self._length += 1

    def view(self) -> npt.NDArray[T]:
        """The cells in use, shape (len,), not a copy."""
        return self._array[: self._length]

    @classmethod
    def holding(cls, values: npt.NDArray[T]) -> "Grown[T]":
        """A new array with a copy of these values, and room for more."""
        fresh = cls(values.dtype.type, capacity=max(16, values.shape[0] + values.shape[0] // 4))
        fresh._array[: values.shape[0]] = values
        fresh._length = int(values.shape[0])
        return fresh

    def kept(self, keep: npt.NDArray[np.bool_]) -> "Grown[T]":
        """A new array with the cells that `keep` (len,) marks, in order."""
        values = self.view()[keep]
        fresh = Grown(self._array.dtype.type, capacity=max(16, 2 * values.shape[0]))
        fresh._array[: values.shape[0]] = values
        fresh._length = int(values.shape[0])
        return fresh
