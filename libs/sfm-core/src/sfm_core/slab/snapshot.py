"""Exact search in the vectors of one moment."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from sfm_core.errors import DimensionMismatch, InvalidInput
from sfm_core.model import F32, F64, I64, Mask
from sfm_core.slab.candidates import Wanted
from sfm_core.slab.prefix import Bounds, PrefixIndex, gamma
from sfm_core.slab.topk import kth_largest, reaching

UNIT_TOLERANCE: Final = 1e-4
"""How far the squared norm of a vector may be from 1."""
_CHUNK: Final = 4096
_SEEDS: Final = 64
_MANY: Final = 8
"""For more queries at once the product costs each no more than a first pass and its rest."""
SHARE: Final = 8
"""Gathering less than an eighth of the rows is cheaper than the product with all of them."""


def epsilon(dim: int) -> float:
    """Bound on |float32 score - float64 score| of two unit vectors of this dimension.

    A float32 dot product summed in any order, with or without fused steps, is off by at most
    `gamma(dim) * sum |x_i q_i|`, and that sum is at most `|x| |q| <= 1 + UNIT_TOLERANCE`. The
    last terms cover products that underflow, and adding the bound to a score in float32.
    """
    return gamma(dim) * (1.0 + UNIT_TOLERANCE) + dim * 2.0**-125 + 2.0**-23


def checked_units(vectors: F32, dim: int) -> F32:
    """`vectors`, when they are (m, dim) float32 rows of L2 norm 1.

    Raises:
        DimensionMismatch: another shape.
        InvalidInput: another type, a value that is not finite, or a squared norm that is
            further than `UNIT_TOLERANCE` from 1.
    """
    if vectors.ndim != 2 or vectors.shape[1] != dim:
        raise DimensionMismatch(f"expected vectors of {dim} numbers, got shape {vectors.shape}")
    if vectors.dtype != np.float32:
        raise InvalidInput(f"vectors are float32, not {vectors.dtype}")
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.einsum("ij,ij->i", vectors, vectors)
        units = np.abs(squares - 1.0) <= UNIT_TOLERANCE
    if not units.all():
        raise InvalidInput(f"vector {int(np.argmin(units))} is not finite with L2 norm 1")
    return vectors


def _products(rows: F32, query: F64, out: F64) -> F64:
    np.add.reduce(rows * query, axis=1, out=out)
    return out


def _copies(rows: F32) -> Mask | None:
    """Which rows equal the first, where it is the most of them; finding out costs little else."""
    if rows.shape[0] < _SEEDS or 2 * np.count_nonzero(rows[:, 0] == rows[0, 0]) < rows.shape[0]:
        return None
    equal: Mask = (rows == rows[0]).all(axis=1)
    return equal if 2 * np.count_nonzero(equal) >= rows.shape[0] else None


class SlabSnapshot:
    """The first `rows` rows at one moment; nothing in it changes, on whichever thread.

    Cosines are dot products: rows and queries are unit vectors within `UNIT_TOLERANCE`.
    """

    __slots__ = ("_index", "_vectors", "rows")

    def __init__(self, vectors: F32, index: PrefixIndex) -> None:
        self._vectors = vectors
        self._index = index
        self.rows: int = vectors.shape[0]

    @property
    def dim(self) -> int:
        return int(self._vectors.shape[1])

    @property
    def vectors(self) -> F32:
        """(rows, dim), read-only, not a copy."""
        return self._vectors

    def prepare(self) -> None:
        """Build the prefix now, so that the first search need not; call it on a worker thread."""
        self._index.covering(self._vectors, self.rows)

    def scores(self, queries: F32) -> F32:
        """Cosines within `epsilon(dim)`: (q, dim) -> (q, rows), one product for all queries.

        Raises:
            DimensionMismatch: the queries are not (q, dim).
            InvalidInput: a query is not a unit vector.
        """
        self._check(queries)
        if queries.shape[0] == 1:
            scanned: F32 = (self._vectors @ queries[0])[None, :]
            return scanned
        return queries @ self._vectors.T

    def scores_of(self, rows: I64, query: F32) -> F32:
        """Cosines within `epsilon(dim)`: `rows` (m,), `query` (dim,) -> (m,). Copies the rows.

        Raises:
            DimensionMismatch: the query is not (dim,).
            InvalidInput: the query is not a unit vector.
        """
        self._check(query[None, :])
        scanned: F32 = self._vectors[rows] @ query
        return scanned

    def exact(self, rows: I64, query: F32) -> F64:
        """Cosines in float64, in [-1, 1]: `rows` (m,), `query` (dim,) -> (m,).

        Each value depends on its own row and the query alone, not on what else is asked. Costs
        one pass over the rows asked, less where neighbours among them are copies of one vector.

        Raises:
            DimensionMismatch: the query is not (dim,).
            InvalidInput: the query is not a unit vector.
        """
        self._check(query[None, :])
        return self._exact(rows, query)

    def bounds(self, query: F32) -> tuple[F32, F32] | None:
        """(lower, upper) bounds (rows,) of every cosine with the query, for a quarter of a scan.

        None where the full product is the better way: few rows, few dimensions, no structure.
        Whoever used them tells `note` what they spared.

        Raises:
            DimensionMismatch: the query is not (dim,).
            InvalidInput: the query is not a unit vector.
        """
        self._check(query[None, :])
        [found] = self._bounds(query[None, :])
        return None if found is None else (found.lower(), found.upper())

    def upper(self, query: F32) -> F32 | None:
        """The upper of `bounds`.

        Raises:
            DimensionMismatch: the query is not (dim,).
            InvalidInput: the query is not a unit vector.
        """
        self._check(query[None, :])
        [found] = self._bounds(query[None, :])
        return None if found is None else found.upper()

    def spares(self, rows: int) -> bool:
        """Whether reading so many rows is cheaper than one product with all."""
        return rows * SHARE <= self.rows

    def note(self, *, useful: bool) -> None:
        """Learn whether bounds spared a full product, so that they are not made in vain."""
        self._index.note(useful=useful)

    def candidates(
        self,
        query: F32,
        k: int,
        *,
        mask: Mask | None = None,
        factors: F32 | F64 | None = None,
        floor: float = 0.0,
        at_least: float = -1.0,
    ) -> I64:
        """Rows, ascending, that may be among the `k` best; few more than k unless scores tie.

        The score of a row is `max(0, exact cosine - floor) * factor`. Admitted are the rows that
        `mask` (rows,) marks and whose exact cosine is at least `at_least`. Every admitted row
        whose score is at least the k-th best admitted one less 1e-6 is there: when fewer than
        k score above zero, these are all admitted rows. Rows that are not admitted may be there
        for `at_least`, never for `mask`. `factors` (rows,) are finite and not negative.

        Raises:
            DimensionMismatch: the query is not (dim,).
            InvalidInput: the query is not a unit vector; a mask or factors that do not fit.
        """
        masks = None if mask is None else [mask]
        [found] = self.candidates_each(
            query[None, :], [k], masks=masks, factors=factors, floor=floor, at_least=[at_least]
        )
        return found

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
        """`candidates` of several queries (q, dim), whose scans share one product.

        One `k`, and where given one mask and one `at_least`, per query.

        Raises:
            DimensionMismatch: the queries are not (q, dim).
            InvalidInput: as `candidates`, or not one `k` per query.
        """
        self._check(queries)
        count = queries.shape[0]
        masks = [None] * count if masks is None else masks
        limits = [-1.0] * count if at_least is None else at_least
        if not len(ks) == len(masks) == len(limits) == count:
            raise InvalidInput("one k, mask and limit for each query")
        if factors is not None:
            with np.errstate(over="ignore"):  # `Wanted` refuses what is not finite
                factors = factors.astype(np.float32, copy=False)
        wanted = [
            Wanted.of(self.rows, k, mask=mask, factors=factors, floor=floor, at_least=limit)
            for k, mask, limit in zip(ks, masks, limits, strict=True)
        ]
        if self.rows == 0:
            return [np.zeros(0, dtype=np.int64) for _ in wanted]
        found = [
            self._search(query, want, bounds)
            for query, want, bounds in zip(queries, wanted, self._bounds(queries), strict=True)
        ]
        return self._finish(queries, wanted, found)

    def _bounds(self, queries: F32) -> Sequence[Bounds | None]:
        many = queries.shape[0] > _MANY
        prefix = None if many else self._index.covering(self._vectors, self.rows)
        if prefix is None:
            return [None] * queries.shape[0]
        return prefix.bounds(queries, self.rows)

    def _search(self, query: F32, want: Wanted, bounds: Bounds | None) -> I64 | None:
        """Candidates without a pass over all of the matrix; None where it takes one."""
        if want.k <= 0:
            return np.zeros(0, dtype=np.int64)
        if want.mask is not None:
            admitted: I64 = np.flatnonzero(want.mask)
            if admitted.shape[0] * SHARE <= self.rows:
                return self._settle(admitted, query, want)
        if bounds is None:
            return None
        most = want.scores(bounds.upper(), rows=None, possible=True)
        seeds = reaching(most, max(_SEEDS, 2 * want.k))
        if seeds.shape[0] * SHARE > self.rows:
            self._index.note(useful=False)
            return None
        sure = want.scores(
            (self._vectors[seeds] @ query) - np.float32(epsilon(self.dim)),
            rows=seeds,
            possible=False,
        )
        rows: I64 = np.flatnonzero(most >= np.float32(want.bar(kth_largest(sure, want.k))))
        useful = rows.shape[0] * SHARE <= self.rows
        self._index.note(useful=useful)
        return self._settle(rows, query, want) if useful else None

    def _settle(self, rows: I64, query: F32, want: Wanted) -> I64:
        cosines = self._vectors[rows] @ query
        return want.kept(cosines, epsilon(self.dim), rows=rows)

    def _finish(self, queries: F32, wanted: Sequence[Wanted], found: list[I64 | None]) -> list[I64]:
        """What is still open, from one full product for all of it."""
        open_ = [i for i, rows in enumerate(found) if rows is None]
        if open_:
            scanned = self.scores(queries[open_])
            for i, cosines in zip(open_, scanned, strict=True):
                found[i] = wanted[i].scanned(cosines, epsilon(self.dim))
        return [rows for rows in found if rows is not None]

    def _exact(self, rows: I64, query: F32) -> F64:
        wide = query.astype(np.float64)
        out: F64 = np.empty(rows.shape[0], dtype=np.float64)
        for start in range(0, rows.shape[0], _CHUNK):
            part = self._vectors[rows[start : start + _CHUNK]]
            into = out[start : start + _CHUNK]
            copies = _copies(part)
            if copies is None:
                _products(part, wide, into)
            else:
                into[copies] = _products(part[:1], wide, np.empty(1))
                into[~copies] = _products(part[~copies], wide, np.empty(int((~copies).sum())))
        return np.clip(out, -1.0, 1.0, out=out)

    def _check(self, queries: F32) -> None:
        checked_units(queries, self.dim)
