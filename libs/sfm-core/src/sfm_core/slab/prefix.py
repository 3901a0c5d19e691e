"""A first pass over a quarter of the dimensions that bounds every cosine (`docs/adr/041`).

Vectors `x` and queries `q` are projected on the `p` directions that hold most of the rows'
energy. With `y = xB`, `z = qB` the rest is bounded by Cauchy and Schwarz:

    x·q  is within  |x - yBᵀ| |q - zBᵀ|  of  y·z

Everything here is float32, so the bound carries a `slack` for rounding that holds for every
input, whatever the basis. With u = 2^-24, γ_n = nu / (1 - nu), any order of summation:

    N    >= |x|, |q|                       (the slab refuses rows that are not unit vectors)
    g    =  |BᵀB - I| in the Frobenius norm, measured on the float32 basis; |B| <= sqrt(1 + g)
    e    =  sqrt(p) γ_d max|b_j| N         >= |y - Bᵀx|, the rounding of the projection
    Y    =  sqrt(1 + g) N + e              >= |y|, |z|
    η    =  2Ye + gY² + γ_d N² + γ_p Y²    >= error of |x|² - |y|² as the square of the rest

    |x·q - y·z| <= |rest x| |rest q| + gY² + Y(e + gY) + Y(2uY + gY), and γ_p Y² for computing y·z

because `x·q = (By + r_x)·(Bz + r_q)` and `Bᵀr` is not quite zero for either rest `r`.
"""

import math
import threading
from dataclasses import dataclass
from typing import Final

import numpy as np

from sfm_core.model import F32, F64, Mask

MIN_ROWS: Final = 16_384
"""Below this many rows the plain product is as fast."""
MAX_WIDTH: Final = 96
_MIN_WIDTH: Final = 32
_SAMPLE: Final = 8192
_CHUNK: Final = 8192
_GEMM_FROM: Final = 3
"""Below this many queries one matrix-vector product for each is faster."""
_NORM: Final = 1.0001
_FUTILE: Final = 8
_RETRY_EVERY: Final = 32


def gamma(n: int) -> float:
    """Bound of the relative rounding error of a float32 dot product of `n` terms."""
    nu = n * 2.0**-24
    return nu / (1.0 - nu)


@dataclass(frozen=True, slots=True)
class Bounds:
    """For each of n rows: the exact cosine is within `spread` (n,) of `centre` (n,)."""

    centre: F32
    spread: F32

    def upper(self) -> F32:
        return self.centre + self.spread

    def lower(self) -> F32:
        return self.centre - self.spread


@dataclass(frozen=True, slots=True)
class Prefix:
    """Projections of the first `rows` rows of a slab; never changed once handed out."""

    basis: F32
    """(dim, p), nearly orthonormal columns."""
    block: F32
    """(capacity, p) projections; cells from `rows` on are not this value's."""
    rest: F32
    """(capacity,) upper bounds of what lies outside the basis."""
    rows: int
    fitted_rows: int
    eta: float
    slack: float

    @property
    def nbytes(self) -> int:
        return self.basis.nbytes + self.block.nbytes + self.rest.nbytes

    def bounds(self, queries: F32, rows: int) -> list[Bounds]:
        """Bounds on the cosine of each query (q, dim) with each of the first `rows` rows."""
        exact = queries.astype(np.float64)
        basis = self.basis.astype(np.float64)
        projected = exact @ basis
        outside = np.linalg.norm(exact - projected @ basis.T, axis=1) * (1.0 + 1e-6)
        seen = projected.astype(np.float32)
        block, rest = self.block[:rows], self.rest[:rows]
        centres = seen @ block.T if len(seen) >= _GEMM_FROM else (block @ one for one in seen)
        return [
            Bounds(centre, rest * np.float32(out) + np.float32(self.slack))
            for centre, out in zip(centres, outside, strict=True)
        ]

    def extended(self, vectors: F32, rows: int) -> "Prefix":
        """The same prefix over `rows` rows; writes beyond `self.rows`, so only one may extend."""
        block, rest = self.block, self.rest
        if rows > block.shape[0]:
            capacity = max(rows, block.shape[0] + block.shape[0] // 2)
            block = np.empty((capacity, block.shape[1]), dtype=np.float32)
            rest = np.empty(capacity, dtype=np.float32)
            block[: self.rows] = self.block[: self.rows]
            rest[: self.rows] = self.rest[: self.rows]
        for start in range(self.rows, rows, _CHUNK):
            end = min(rows, start + _CHUNK)
            part, shadow = vectors[start:end], block[start:end]
            np.matmul(part, self.basis, out=shadow)
            left = np.einsum("ij,ij->i", part, part) - np.einsum("ij,ij->i", shadow, shadow)
            rest[start:end] = np.sqrt(np.maximum(left, 0.0) + np.float32(self.eta))
            rest[start:end] *= np.float32(1.0 + 1e-6)
        return Prefix(self.basis, block, rest, rows, self.fitted_rows, self.eta, self.slack)

    def kept(self, keep: Mask) -> "Prefix":
        """The same projections of the kept rows, in order; `keep` is (rows,)."""
        block, rest = self.block[: self.rows][keep], self.rest[: self.rows][keep]
        rows = block.shape[0]
        return Prefix(self.basis, block, rest, rows, rows, self.eta, self.slack)


def fitted(vectors: F32, rows: int, *, width: int) -> Prefix:
    """A prefix with no rows yet, whose basis fits a sample of the first `rows` rows."""
    sample = vectors[: rows : max(1, rows // _SAMPLE)]
    moments = (sample.T @ sample).astype(np.float64)
    basis = np.ascontiguousarray(np.linalg.eigh(moments)[1][:, ::-1][:, :width], dtype=np.float32)
    eta, slack = _margins(basis)
    capacity = rows + rows // 4
    block: F32 = np.empty((capacity, width), dtype=np.float32)
    return Prefix(basis, block, np.empty(capacity, dtype=np.float32), 0, rows, eta, slack)


def _margins(basis: F32) -> tuple[float, float]:
    """(η, slack) of the module's docstring, with room for the additions themselves."""
    dim, width = basis.shape
    exact: F64 = basis.astype(np.float64)
    gram = exact.T @ exact
    g = float(np.linalg.norm(gram - np.eye(width))) + 1e-9
    e = math.sqrt(width) * gamma(dim) * math.sqrt(float(gram.diagonal().max())) * _NORM
    most = math.sqrt(1.0 + g) * _NORM + e
    scan = gamma(width) * most**2
    eta = 2 * most * e + g * most**2 + gamma(dim) * _NORM**2 + scan
    crossed = most * (e + g * most) + most * (2.0**-23 * most + g * most)
    return eta * 1.001, (g * most**2 + crossed + scan) * 1.001 + 1e-6


class PrefixIndex:
    """Keeps the prefix of one slab in step with its rows, on the threads of its readers.

    Nothing is done when rows are appended: the first reader that wants bounds projects the
    rows that came since, and fits a new basis once the slab has doubled. Whoever finds another
    thread at that work does without. So timing may decide what a scan costs, never its result.
    """

    def __init__(self, dim: int, *, min_rows: int = MIN_ROWS) -> None:
        self._dim = dim
        self._min_rows = min_rows
        self._width = min(MAX_WIDTH, dim // 4)
        self._lock = threading.Lock()
        self._current: Prefix | None = None
        self._futile = 0
        self._asked = 0

    @property
    def nbytes(self) -> int:
        current = self._current
        return 0 if current is None else current.nbytes

    def covering(self, vectors: F32, rows: int) -> Prefix | None:
        """A prefix of at least these rows; None where the plain product is the better way."""
        if rows < self._min_rows or self._width < _MIN_WIDTH:
            return None
        self._asked += 1
        if self._futile >= _FUTILE and self._asked % _RETRY_EVERY:
            return None
        current = self._current
        if current is not None and current.rows >= rows:
            return current
        if not self._lock.acquire(blocking=False):
            return None
        try:
            return self._extend(vectors, rows)
        finally:
            self._lock.release()

    def note(self, *, useful: bool) -> None:
        """Learn whether a prefix spared the full product; rows without structure never let it."""
        self._futile = 0 if useful else self._futile + 1

    def kept(self, keep: Mask) -> "PrefixIndex":
        """The index of a slab that holds only the kept rows; `keep` covers every row."""
        fresh = PrefixIndex(self._dim, min_rows=self._min_rows)
        current = self._current
        if current is not None and current.rows <= keep.shape[0]:
            fresh._current = current.kept(keep[: current.rows])
        return fresh

    def _extend(self, vectors: F32, rows: int) -> Prefix:
        current = self._current
        if current is None or rows >= 2 * current.fitted_rows:
            current = fitted(vectors, rows, width=self._width)
        if current.rows < rows:
            current = current.extended(vectors, rows)
        self._current = current
        return current
