"""The cosines of one query with rows of a snapshot: all nearly, some exactly."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from sfm_core import scoring as rules
from sfm_core.model import F32, F64, I64, Mask
from sfm_core.recall.view import Snapshot
from sfm_core.slab.vectors import epsilon

ROUNDING: Final = 5e-7
"""More than what adding a bound to a cosine and scaling the sum lose in float32."""


class Cosines:
    """For one wave and one thread. A row that has no vector has cosine -1.

    Exact cosines are worked out once each: one pass over the rows asked, whoever asks.
    """

    def __init__(
        self, snapshot: Snapshot, query: F32, near: F32, *, rows: I64 | None = None
    ) -> None:
        """`near` (rows,) are the slab's scores of `query` (dim,), with `rows` only where given."""
        self._slab = snapshot.slab
        self._rows = rows
        embedded = snapshot.embedded if rows is None else snapshot.embedded[rows]
        self._query = query
        self._near = near if embedded.all() else np.where(embedded, near, np.float32(-1.0))
        self._error = epsilon(snapshot.slab.dim) + ROUNDING
        self._known: F64 = np.where(embedded, np.nan, -1.0)

    @classmethod
    def of(cls, snapshot: Snapshot, queries: Sequence[F32]) -> "Iterator[Cosines]":
        """One for each query with all rows, each made when it is taken; one product for all."""
        if queries:
            near = snapshot.slab.scores(np.stack(queries))
            for query, row in zip(queries, near, strict=True):
                yield cls(snapshot, query, row)

    @classmethod
    def among(cls, snapshot: Snapshot, query: F32, rows: I64) -> "Cosines":
        """With `rows` (m,) only, at the cost of copying these."""
        return cls(snapshot, query, snapshot.slab.scores_of(rows, query), rows=rows)

    def exact(self, rows: I64) -> F64:
        """Cosines of `rows` (m,) in float64."""
        missing = rows[np.isnan(self._known[rows])]
        if missing.size:
            numbers = missing if self._rows is None else self._rows[missing]
            self._known[missing] = self._slab.exact(numbers, self._query)
        return self._known[rows]

    def best(self, allowed: Mask) -> float:
        """The greatest exact cosine of the allowed rows; -1 when there is none."""
        top = float(self._near.max(initial=-1.0, where=allowed))
        leaders: I64 = np.flatnonzero(allowed & (self._near >= top - 2.0 * self._error))
        return float(self.exact(leaders).max(initial=-1.0))

    def at_least(self, least: float, among: Mask) -> Mask:
        """Which rows among these have an exact cosine of at least `least`."""
        reach = among & (self._near >= least - self._error)
        unsure: I64 = np.flatnonzero(reach & (self._near <= least + self._error))
        reach[unsure] = self.exact(unsure) >= least
        return reach

    def part(self, *, best: float, floor: float) -> tuple[F32, float]:
        """Upper bounds of the vector parts of all rows, and how far below one the truth may lie.

        A row whose part is surely 0 has bound 0.
        """
        most = rules.vector_part(self._near + np.float32(self._error), best=best, floor=floor)
        spread = best - floor
        width = 2.0 * self._error / spread + ROUNDING if spread > 0.0 else 0.0
        return most, min(1.0, width)
