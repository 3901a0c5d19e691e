"""The few rows that hybrid hits are among, without a product with all vectors (`docs/adr/155`).

The slab's first pass bounds every cosine for a quarter of the product's cost. Bounds on cosines
make bounds on scores; what the best-looking rows surely score sets a bar; and only the sessions
of rows that may reach it are left, whole, so that each row's context is among them. On these the
usual way goes on, with the usual bounds, as if they were all rows.
"""

from typing import Final

import numpy as np

from sfm_core import scoring as rules
from sfm_core.model import F32, I64, Mask
from sfm_core.recall.cosines import ROUNDING, Cosines
from sfm_core.recall.legs import Legs
from sfm_core.recall.view import Snapshot
from sfm_core.slab.topk import bar, kth_largest, reaching, rounded_down

_SEEDS: Final = 64
_OUT: Final = np.float32(-1.0)
_SLACK: Final = np.float32(2.0 * rules.ROUNDING)
"""Bounds made by way of the best of a session may be below those of the context by rounding."""


def narrowed(snapshot: Snapshot, legs: Legs, query: F32, upper: F32, *, top_k: int) -> Legs | None:
    """`legs`, which are of all rows, cut to rows that hold the `top_k` best allowed and all ties.

    `upper` (rows,) are bounds from above of the cosines with `query` (dim,). None where more
    than an eighth of the rows would be left: then the product with all is the better way.
    """
    most = upper + np.float32(ROUNDING)
    if not snapshot.embedded.all():
        most = np.where(snapshot.embedded, most, _OUT)
    best_v = _best(snapshot, query, most, legs.allowed)
    if best_v is None:
        return None
    v = rules.vector_part(most, best=best_v, floor=legs.floor)
    k = legs.keyword_bounds()
    rel = rules.relevance(v, k, legs.scoring.weights)
    best = rules.session_best(rel, legs.chain)
    recency, norms = legs.recency_bounds(), legs.norms.astype(np.float32)
    rough = rules.combine(v, k, best, recency, norms, legs.scoring) + _SLACK
    if not legs.allowed.all():
        rough = np.where(legs.allowed, rough, _OUT)
    least = _bar(snapshot, legs, query, rough, best_v=best_v, top_k=top_k)
    rows: I64 = np.flatnonzero(rough >= least)
    if not snapshot.slab.spares(rows.shape[0]):
        return None
    tight = rules.combine(
        v[rows],
        k[rows],
        rules.context_part(rel, best, legs.chain, legs.scoring, rows=rows),
        None if recency is None else recency[rows],
        norms[rows],
        legs.scoring,
    )
    return _cut(snapshot, legs, query, rows[tight + _SLACK >= least], best_v=best_v)


def _best(snapshot: Snapshot, query: F32, most: F32, allowed: Mask) -> float | None:
    """The greatest exact cosine of the allowed rows; None where too many may have it."""
    possible = most if allowed.all() else np.where(allowed, most, _OUT)
    first = int(possible.argmax())
    [sure] = snapshot.slab.exact(np.array([first]), query)
    leaders: I64 = np.flatnonzero(possible >= rounded_down(float(sure), possible))
    if not snapshot.slab.spares(leaders.shape[0]):
        return None
    few = Cosines.among(snapshot, query, leaders)
    return few.best(np.ones(leaders.shape[0], dtype=np.bool_))


def _bar(
    snapshot: Snapshot, legs: Legs, query: F32, rough: F32, *, best_v: float, top_k: int
) -> float:
    """What the bound of a row must reach; 0 where that is not known."""
    seeds = reaching(rough, max(_SEEDS, 2 * top_k))
    few = _cut(snapshot, legs, query, seeds, best_v=best_v)
    if few is None:
        return 0.0
    found = few.bounds()
    sure = np.where(few.allowed, found.most, _OUT)
    if sure.shape[0] < top_k:
        return 0.0
    kth = kth_largest(sure, top_k)
    return rounded_down(bar(kth, width=few.spread(found.width)), rough)


def _cut(snapshot: Snapshot, legs: Legs, query: F32, rows: I64, *, best_v: float) -> Legs | None:
    """The legs of these rows and of all in their sessions; None where these are too many."""
    whole = legs.chain.whole(rows)
    if not snapshot.slab.spares(whole.shape[0]):
        return None
    return legs.among(whole, Cosines.among(snapshot, query, whole), best_v=best_v)
