"""The vectors of a snapshot that are kept elsewhere: what is known of their cosines with one query.

A vector index gives the nearest rows with their cosines, nearly; no other row is nearer than the
last of them. Whatever is asked beyond that is answered from vectors that were read, exactly, or
refused with `Missing`: whoever ranks has them read and ranks again. So an answer rests on exact
cosines and sure bounds, as over a slab, and is the same.
"""

from collections.abc import Sequence
from typing import Final, final

import numpy as np

from sfm_core.model import F32, F64, I64, Mask
from sfm_core.slab.candidates import Wanted
from sfm_core.slab.prefix import PrefixIndex
from sfm_core.slab.snapshot import SlabSnapshot, epsilon
from sfm_core.slab.topk import kth_largest, reaching

NEARLY: Final = 2.5e-4
"""More than what the index's cosine of normalised float32 vectors can be off from ours."""


class Missing(Exception):
    """Ranking needs the vectors of these rows (m,)."""

    def __init__(self, rows: I64) -> None:
        super().__init__(f"{rows.shape[0]} vectors are missing")
        self.rows = rows


@final
class Afar:
    """Implements `Scannable` for one query; one thread at a time.

    Until something is learnt a cosine may be anything up to 1. Rows without a vector have -1.
    """

    def __init__(self, query: F32, embedded: Mask) -> None:
        self._query = query
        self._exact: F64 = np.where(embedded, np.nan, -1.0)
        self._most: F32 = np.where(embedded, np.float32(1.0), np.float32(-1.0))

    # -- what is learnt --------------------------------------------------------------------

    def nearest(self, rows: I64, cosines: F32) -> None:
        """The index says that these rows (m,) have these cosines."""
        self._most[rows] = np.minimum(cosines + np.float32(NEARLY), np.float32(1.0))

    def bound(self, rows: Mask, cosine: float) -> None:
        """The index says that none of these rows has a greater cosine, but for its `nearest`."""
        np.minimum(self._most, np.float32(cosine + NEARLY), out=self._most, where=rows)

    def first(self, count: int) -> I64:
        """Rows to read first: those without a bound, and `count` with the greatest."""
        unknown = np.isnan(self._exact)
        bounds = np.where(unknown, self._most, np.float32(-1.0))
        open_ = bounds >= 1.0
        rows = reaching(np.where(open_, np.float32(-1.0), bounds), count)
        wanted: I64 = np.union1d(np.flatnonzero(open_), rows[bounds[rows] > 0.0])
        return self.unknown(wanted)

    def read(self, rows: I64, vectors: F32) -> None:
        """These are the vectors (m, dim) of these rows."""
        slab = SlabSnapshot(vectors, PrefixIndex(vectors.shape[1]))
        self._exact[rows] = slab.exact(np.arange(rows.shape[0]), self._query)

    def pass_over(self, rows: I64 | None = None) -> None:
        """Take these rows, or all of which nothing exact is known, for rows without a vector."""
        unknown: I64 = np.flatnonzero(np.isnan(self._exact)) if rows is None else rows
        self._exact[unknown] = -1.0

    def unknown(self, rows: I64) -> I64:
        """Those of `rows` whose vectors were not read."""
        return rows[np.isnan(self._exact[rows])]

    # -- what is asked ---------------------------------------------------------------------

    @property
    def dim(self) -> int:
        return int(self._query.shape[0])

    @property
    def vectors(self) -> F32:
        return np.zeros((0, self.dim), dtype=np.float32)

    def scores(self, queries: F32) -> F32:
        """Of the one query, (1, rows)."""
        del queries
        everything: I64 = np.arange(self._exact.shape[0])
        return self.scores_of(everything, self._query)[None, :]

    def scores_of(self, rows: I64, query: F32) -> F32:
        return self.exact(rows, query).astype(np.float32)

    def exact(self, rows: I64, query: F32) -> F64:
        """As `SlabSnapshot.exact`.

        Raises:
            Missing: of some of the rows no vector was read.
        """
        del query
        unknown = self.unknown(rows)
        if unknown.size:
            raise Missing(unknown)
        return self._exact[rows]

    def upper(self, query: F32) -> F32:
        del query
        known = self._exact.astype(np.float32) + np.float32(epsilon(self.dim))
        return np.where(np.isnan(self._exact), self._most, np.minimum(known, np.float32(1.0)))

    def spares(self, rows: int) -> bool:
        """Always: what is not needed need not be read."""
        return rows >= 0

    def note(self, *, useful: bool) -> None:
        """Bounds cost nothing here."""

    def candidates_each(
        self,
        queries: F32,
        ks: Sequence[int],
        *,
        masks: Sequence[Mask | None] | None = None,
        factors: F32 | F64 | None = None,
        floor: float = 0.0,
        at_least: Sequence[float] | None = None,
    ) -> list[I64]:
        """As `SlabSnapshot.candidates_each`, of the one query, without rows of cosine 0 or less.

        Raises:
            Missing: among them are rows whose vectors were not read.
        """
        want = Wanted.of(
            self._exact.shape[0],
            ks[0],
            mask=None if masks is None else masks[0],
            factors=factors,
            floor=floor,
            at_least=-1.0 if at_least is None else at_least[0],
        )
        upper = self.upper(queries[0])
        near = upper > 0.0
        most = want.scores(upper, rows=None, possible=True)
        known: I64 = np.flatnonzero(~np.isnan(self._exact))
        sure = want.scores(
            self._exact[known].astype(np.float32) - np.float32(epsilon(self.dim)),
            rows=known,
            possible=False,
        )
        bar = want.bar(kth_largest(sure, want.k)) if sure.shape[0] >= want.k else 0.0
        rows: I64 = np.flatnonzero(near & (most >= np.float32(bar)))
        unknown = self.unknown(rows)
        if unknown.size:
            raise Missing(unknown[np.argsort(-most[unknown], kind="stable")])
        return [rows]
