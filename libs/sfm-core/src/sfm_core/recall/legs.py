"""What one hybrid query makes of some rows of a snapshot, and the bounds that choose among them."""

from dataclasses import dataclass, replace

import numpy as np

from sfm_core import scoring as rules
from sfm_core.chain import Chain
from sfm_core.model import F32, F64, I64, Mask
from sfm_core.recall.cosines import Cosines
from sfm_core.scoring import Scoring


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Bounds in float32 of what each row may reach; arrays (rows,)."""

    rel: F32
    """Upper bounds of the relevances, at most `width` and some rounding above them."""
    best: F32
    """`scoring.session_best(rel)`."""
    most: F32
    """Upper bounds of the scores."""
    width: float
    """How far below its bound a vector part may lie."""

    @property
    def margin(self) -> float:
        """How far below its bound a relevance may lie."""
        return self.width + 2.0 * rules.ROUNDING


@dataclass(frozen=True, slots=True, kw_only=True)
class Legs:
    """What one hybrid query makes of some rows: of all, or of whole sessions; arrays (rows,)."""

    scoring: Scoring
    chain: Chain
    """Of these rows, numbered as here; it leaves out what is not live."""
    allowed: Mask
    norms: F64
    """Importance norms."""
    bm25: F64
    best_k: float
    """The best of all allowed rows of the snapshot, as is `best_v`."""
    recency: F64 | None
    """None where its weight is 0."""
    floor: float
    cosines: Cosines | None = None
    """None when the embedder did not answer."""
    best_v: float = -1.0
    rows: I64 | None = None
    """Their numbers in the snapshot, ascending; None for all."""

    @property
    def size(self) -> int:
        """How many rows they are of."""
        return int(self.bm25.shape[0])

    def seeing(self, cosines: Cosines) -> "Legs":
        """The same with the cosines of all rows."""
        return replace(self, cosines=cosines, best_v=cosines.best(self.allowed))

    def among(self, rows: I64, cosines: Cosines, *, best_v: float) -> "Legs":
        """The legs of all rows cut to `rows`, which are whole sessions, with their cosines."""
        return replace(
            self,
            chain=self.chain.part(rows),
            allowed=self.allowed[rows],
            norms=self.norms[rows],
            bm25=self.bm25[rows],
            recency=None if self.recency is None else self.recency[rows],
            cosines=cosines,
            best_v=best_v,
            rows=rows,
        )

    def numbered(self, rows: I64) -> I64:
        """The numbers in the snapshot of some of these rows."""
        return rows if self.rows is None else self.rows[rows]

    def vector_bounds(self) -> tuple[F32, float]:
        """As `Cosines.part`."""
        if self.cosines is None:
            return np.zeros(self.bm25.shape, dtype=np.float32), 0.0
        return self.cosines.part(best=self.best_v, floor=self.floor)

    def keyword_bounds(self) -> F32:
        """Keyword parts as float32 rounds them."""
        return rules.keyword_part(self.bm25.astype(np.float32), best=self.best_k)

    def recency_bounds(self) -> F32 | None:
        return None if self.recency is None else self.recency.astype(np.float32)

    def bounds(self) -> Bounds:
        """Bounds for these rows, at the cost of some passes over them."""
        v, width = self.vector_bounds()
        k = self.keyword_bounds()
        rel = rules.relevance(v, k, self.scoring.weights)
        best = rules.session_best(rel, self.chain)
        context = rules.context_part(rel, best, self.chain, self.scoring)
        norms = self.norms.astype(np.float32)
        most = rules.combine(v, k, context, self.recency_bounds(), norms, self.scoring)
        return Bounds(rel=rel, best=best, most=most, width=width)

    def spread(self, width: float) -> float:
        """How far below its bound, with `ROUNDING` added to that, a score may lie."""
        return rules.vector_weight(self.scoring) * width + 2.0 * rules.ROUNDING

    def exact(self, rows: I64) -> tuple[F64, F64]:
        """Vector and keyword parts of `rows` (m,)."""
        if self.cosines is None:
            v: F64 = np.zeros(rows.shape[0])
        else:
            v = rules.vector_part(self.cosines.exact(rows), best=self.best_v, floor=self.floor)
        return v, rules.keyword_part(self.bm25[rows], best=self.best_k)

    def relevance(self, rows: I64) -> F64:
        """Exact relevances of `rows` (m,)."""
        return rules.relevance(*self.exact(rows), self.scoring.weights)
