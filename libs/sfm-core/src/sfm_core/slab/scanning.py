"""What ranking asks of the vectors of one moment, wherever they are kept."""

from collections.abc import Sequence
from typing import Protocol

from sfm_core.model import F32, F64, I64, Mask


class Scannable(Protocol):
    """The vectors of a snapshot's rows. `slab.snapshot.SlabSnapshot` says what each call gives."""

    @property
    def dim(self) -> int: ...

    @property
    def vectors(self) -> F32:
        """(rows, dim); without rows where the vectors are kept elsewhere."""
        ...

    def scores(self, queries: F32) -> F32: ...

    def scores_of(self, rows: I64, query: F32) -> F32: ...

    def exact(self, rows: I64, query: F32) -> F64: ...

    def upper(self, query: F32) -> F32 | None: ...

    def spares(self, rows: int) -> bool:
        """Whether reading so many rows is cheaper than reading all."""
        ...

    def note(self, *, useful: bool) -> None: ...

    def candidates_each(
        self,
        queries: F32,
        ks: Sequence[int],
        *,
        masks: Sequence[Mask | None] | None = None,
        factors: F32 | F64 | None = None,
        floor: float = 0.0,
        at_least: Sequence[float] | None = None,
    ) -> list[I64]: ...
