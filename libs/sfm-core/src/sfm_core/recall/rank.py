"""From a snapshot and a wave of plans to exactly scored candidates. Pure; runs on a thread."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import numpy as np

from sfm_core import scoring as rules
from sfm_core.model import F32, F64, I64, Explanation, Mask, Mode, RecallQuery
from sfm_core.recall.admit import admitted, unexpired
from sfm_core.recall.view import Snapshot
from sfm_core.scoring import Chain, Scored, Scoring
from sfm_core.slab.vectors import epsilon

GRAIN: Final = 1e-6
"""Scores closer than this are ties: then importance norm, then id decide."""
FLAT: Final = 0.02
"""Below this spread between best and floor, float32 cosines are too coarse to scale."""
MAX_TIES: Final = 1024
"""Candidates scored exactly; only copies of one text exceed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One query, ready to be ranked."""

    query: RecallQuery
    vector: F32 | None
    """Shape (dim,); None in mode `keyword`, or when the embedder did not answer."""
    terms: Sequence[str]
    now: datetime
    scoring: Scoring
    floor: float
    model_revision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    id: UUID
    version: int
    score: float
    norm: float
    explanation: Explanation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    candidates: Sequence[Candidate]
    """At most `top_k`, best first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """Exact scores of some rows."""

    rows: I64
    scored: Sequence[Scored]
    cosines: F64 | None
    bm25: F64 | None


def rank(snapshot: Snapshot, plans: Sequence[Plan]) -> list[Ranked]:
    """Rank every plan; the hybrid ones share one matrix product.

    What a plan gets does not depend on what else is in the wave.
    """
    cosines = _cosines(snapshot, plans)
    return [_ranked(snapshot, plan, next(cosines)) for plan in plans]


def _cosines(snapshot: Snapshot, plans: Sequence[Plan]) -> Iterator[F32 | None]:
    wanted = [
        plan.vector for plan in plans if plan.query.mode is Mode.HYBRID and plan.vector is not None
    ]
    product = iter(snapshot.slab.scores(np.stack(wanted)) if wanted and snapshot.rows else ())
    for plan in plans:
        is_hybrid = plan.query.mode is Mode.HYBRID and plan.vector is not None
        yield next(product, None) if is_hybrid else None


def _ranked(snapshot: Snapshot, plan: Plan, cosines: F32 | None) -> Ranked:
    live = unexpired(snapshot, plan.now)
    allowed = admitted(snapshot, plan.query, live)
    if not allowed.any():
        return Ranked(candidates=())
    if plan.query.mode is Mode.VECTOR:
        found = _by_vector(snapshot, plan, allowed)
    elif plan.query.mode is Mode.KEYWORD:
        found = _by_keyword(snapshot, plan, allowed)
    else:
        chain = snapshot.chain if live is snapshot.alive else snapshot.chain.among(live)
        found = _hybrid(snapshot, plan, allowed, chain, cosines)
    return Ranked(candidates=_best(snapshot, plan, found))


# -- the modes ---------------------------------------------------------------------------------


def _by_vector(snapshot: Snapshot, plan: Plan, allowed: Mask) -> _Found:
    if plan.vector is None:
        return _Found(rows=np.zeros(0, np.int64), scored=(), cosines=None, bm25=None)
    rows = snapshot.slab.candidates(
        plan.vector,
        plan.query.top_k,
        mask=allowed & snapshot.embedded,
        factors=snapshot.norms,
        at_least=-1.0 if plan.query.min_similarity is None else plan.query.min_similarity,
    )
    if rows.shape[0] > MAX_TIES:
        near = snapshot.slab.scores(plan.vector[np.newaxis, :])[0][rows]
        rows = _bounded(snapshot, rows, np.maximum(near, 0.0) * snapshot.norms[rows])
    exact = snapshot.slab.exact(rows, plan.vector)
    scored = [
        rules.vector_only(float(cosine), float(norm))
        for cosine, norm in zip(exact, snapshot.norms[rows], strict=True)
    ]
    return _Found(rows=rows, scored=scored, cosines=exact, bm25=None)


def _by_keyword(snapshot: Snapshot, plan: Plan, allowed: Mask) -> _Found:
    bm25 = _bm25(snapshot, plan)
    best = float(bm25.max(initial=0.0, where=allowed))
    part = rules.keyword_part(bm25, best=best)
    rows = _contenders(snapshot, part, allowed & (part > 0.0), plan.query.top_k, GRAIN)
    scored = [rules.keyword_only(float(value)) for value in part[rows]]
    return _Found(rows=rows, scored=scored, cosines=None, bm25=bm25[rows])


def _hybrid(
    snapshot: Snapshot, plan: Plan, allowed: Mask, chain: Chain, cosines: F32 | None
) -> _Found:
    scoring = plan.scoring.weighted(plan.query.weights)
    bm25 = _bm25(snapshot, plan)
    best_k = float(bm25.max(initial=0.0, where=allowed))
    near, best_v, error = _vector_leg(snapshot, plan, allowed, cosines)
    k = rules.keyword_part(bm25, best=best_k).astype(np.float32)
    rel = rules.relevance(near, k, scoring.weights)
    recency = _recency(snapshot, plan, scoring)
    norms = snapshot.norms.astype(np.float32)
    score = rules.combine(
        near,
        k,
        rules.context_part(rel, chain, scoring),
        None if recency is None else recency.astype(np.float32),
        norms,
        scoring,
    )
    eligible = allowed & (score > 0.0) & _similar_enough(plan, cosines, snapshot)
    rows = _contenders(snapshot, score, eligible, plan.query.top_k, GRAIN + 4.0 * error)
    support = rules.support(
        (int(row) for row in rows),
        rel,
        chain,
        margin=max(rules.MARGIN, 2.0 * error),
    )
    exact_cosines = _exact(snapshot, plan, support.rows)
    v = rules.vector_part(exact_cosines, best=best_v, floor=plan.floor)
    kw = rules.keyword_part(bm25[support.rows], best=best_k)
    exact_rel = rules.relevance(v, kw, scoring.weights)
    place = {int(row): i for i, row in enumerate(support.rows)}
    rel_of = {row: float(exact_rel[i]) for row, i in place.items()}
    scored = [
        rules.hybrid(
            v=float(v[place[int(row)]]),
            k=float(kw[place[int(row)]]),
            r=0.0 if recency is None else float(recency[row]),
            context=rules.context_of(int(row), rel_of, chain, support.peers, scoring),
            norm=float(snapshot.norms[row]),
            scoring=scoring,
        )
        for row in rows
    ]
    at = np.array([place[int(row)] for row in rows], dtype=np.int64)
    has_vector = plan.vector is not None
    return _Found(
        rows=rows,
        scored=scored,
        cosines=exact_cosines[at] if has_vector else None,
        bm25=bm25[rows],
    )


# -- the legs ----------------------------------------------------------------------------------


def _bm25(snapshot: Snapshot, plan: Plan) -> F64:
    scoring = plan.scoring
    return snapshot.lexical.scores(plan.terms, snapshot.alive, k1=scoring.k1, b=scoring.b)


def _vector_leg(
    snapshot: Snapshot, plan: Plan, allowed: Mask, cosines: F32 | None
) -> tuple[F32, float, float]:
    """(scaled cosines of all rows, exact best cosine, bound on a scaled one's error)."""
    if cosines is None or plan.vector is None:
        return np.zeros(snapshot.rows, dtype=np.float32), -1.0, 0.0
    error = epsilon(snapshot.slab.dim)
    if not snapshot.embedded.all():
        cosines = np.where(snapshot.embedded, cosines, np.float32(-1.0))
    top = float(cosines.max(initial=-1.0, where=allowed))
    leaders = np.flatnonzero(allowed & snapshot.embedded & (cosines >= top - 2.0 * error))
    best = float(snapshot.slab.exact(leaders[:MAX_TIES], plan.vector).max(initial=-1.0))
    spread = best - plan.floor
    if spread > FLAT:
        scaled = rules.vector_part(cosines, best=best, floor=plan.floor)
        return scaled, best, 2.0 * error / spread
    exact = _exact(snapshot, plan, np.arange(snapshot.rows))
    finer = rules.vector_part(exact, best=best, floor=plan.floor)
    return finer.astype(np.float32), best, GRAIN


def _exact(snapshot: Snapshot, plan: Plan, rows: I64) -> F64:
    """Cosines of these rows in float64; -1 for a row that has no vector yet."""
    if plan.vector is None:
        return np.full(rows.shape[0], -1.0)
    exact = snapshot.slab.exact(rows, plan.vector)
    return np.where(snapshot.embedded[rows], exact, -1.0)


def _recency(snapshot: Snapshot, plan: Plan, scoring: Scoring) -> F64 | None:
    if scoring.weights.recency <= 0.0:
        return None
    return rules.recency_part(snapshot.ages_s(plan.now), half_life_s=scoring.half_life_s)


def _similar_enough(plan: Plan, cosines: F32 | None, snapshot: Snapshot) -> Mask:
    least = plan.query.min_similarity
    if least is None or cosines is None:
        return np.ones(snapshot.rows, dtype=np.bool_)
    return cosines >= least - epsilon(snapshot.slab.dim)


# -- choosing ----------------------------------------------------------------------------------


def _contenders(
    snapshot: Snapshot, score: F32 | F64, eligible: Mask, top_k: int, slack: float
) -> I64:
    """Rows whose exact score may be among the `top_k` best, given errors of half the slack."""
    rows = np.flatnonzero(eligible)
    if rows.shape[0] > top_k:
        values = score[rows]
        least = np.partition(values, values.shape[0] - top_k)[values.shape[0] - top_k]
        rows = rows[values >= float(least) - slack]
    return _bounded(snapshot, rows, score[rows])


def _bounded(snapshot: Snapshot, rows: I64, score: F32 | F64) -> I64:
    if rows.shape[0] <= MAX_TIES:
        return rows
    coarse = np.round(score.astype(np.float64), 4)
    ids = np.array([snapshot.ids[int(row)].hex() for row in rows])
    order = np.lexsort((ids, -snapshot.norms[rows], -coarse))[:MAX_TIES]
    return np.sort(rows[order])


def _best(snapshot: Snapshot, plan: Plan, found: _Found) -> list[Candidate]:
    """The final order: score to a millionth, then importance norm, then id."""
    query = plan.query
    keep = [
        i
        for i, scored in enumerate(found.scored)
        if _counts(query, found, i)
        and (query.min_score is None or scored.score >= query.min_score)
        and (
            query.min_similarity is None
            or found.cosines is None
            or found.cosines[i] >= query.min_similarity
        )
    ]
    norms = snapshot.norms
    keep.sort(
        key=lambda i: (
            -round(found.scored[i].score / GRAIN),
            -float(norms[found.rows[i]]),
            snapshot.ids[int(found.rows[i])],
        )
    )
    return [_candidate(snapshot, plan, found, i) for i in keep[: query.top_k]]


def _counts(query: RecallQuery, found: _Found, i: int) -> bool:
    """Related at all: in mode `vector` by its cosine, for importance may make any score 0."""
    if query.mode is Mode.VECTOR and found.cosines is not None:
        return bool(found.cosines[i] > 0.0)
    return found.scored[i].score > 0.0


def _candidate(snapshot: Snapshot, plan: Plan, found: _Found, i: int) -> Candidate:
    row = int(found.rows[i])
    scored = found.scored[i]
    norm = float(snapshot.norms[row])
    explanation = None
    if plan.query.explain:
        embedded = found.cosines is not None and bool(snapshot.embedded[row])
        explanation = Explanation(
            parts=_floats(scored.parts),
            values=_floats(scored.values),
            weights=_floats(scored.weights),
            factor=float(scored.factor),
            importance_norm=norm,
            importance_method=snapshot.normaliser.method,
            cosine=float(found.cosines[i]) if embedded and found.cosines is not None else None,
            bm25=None if found.bm25 is None else float(found.bm25[i]),
            config=plan.scoring.weighted(plan.query.weights).config(plan.model_revision),
        )
    return Candidate(
        id=UUID(bytes=snapshot.ids[row]),
        version=int(snapshot.versions[row]),
        score=float(scored.score),
        norm=norm,
        explanation=explanation,
    )


def _floats(values: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items()}
