"""From a snapshot and a wave of plans to exactly scored candidates. Pure; runs on a thread.

Every mode goes the same way. Bounds on the scores of all rows, made in float32, name the rows
that may be among the `top_k` (`slab.topk.contenders`). These, and what their context needs, are
scored in float64. The final order is found among the exact scores, and only the hits become
objects. So what is found never depends on rounding, nor on what else is in the wave.

The cost is a few passes over the rows, and one over the matrix per wave, or where few hybrid
queries come at once a quarter of one for each (`recall.narrowing`), and a few microseconds for
each contender. Contenders are a few more than `top_k`, except where scores tie within the bounds
(a text stored 100 000 times): then they are all that tie, at the cost of one more pass over the
matrix in float64 at most (50 to 100 ms for 100 000 x 384), and half that for copies.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

import numpy as np
import numpy.typing as npt

from sfm_core import scoring as rules
from sfm_core.model import F32, F64, I64, Explanation, Mask, Mode, Placed, RecallQuery
from sfm_core.recall.admit import admitted, unexpired
from sfm_core.recall.cosines import Cosines
from sfm_core.recall.legs import Legs
from sfm_core.recall.lifting import activation, facts, lifted, lifted_bounds, share_of
from sfm_core.recall.narrowing import narrowed
from sfm_core.recall.view import Snapshot
from sfm_core.scoring import Scores, Scoring, Support
from sfm_core.slab.topk import TIE, contenders, leading

type U64 = npt.NDArray[np.uint64]

OUT: Final = -1.0
"""Stands for the bound of a row that is not to be found."""
FEW: Final = 6
"""For more hybrid queries at once one product for all costs each no more than narrowing."""


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
    analyzer: str
    """`Analyzer.revision` of what made `terms` and the index."""
    around: Sequence[str] = ()
    """Terms of the context that the question stands in; they count for `scoring.situation`."""


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
    placed: Sequence[Placed] = ()
    """For each of the query's `explain_for`."""
    degraded: tuple[str, ...] = ()
    """Legs that are not whole, which only ranking could tell."""


type Standing = tuple[int, Candidate]
"""Rank, from 1, and the score with its reasons."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A plan and the rows it admits."""

    plan: Plan
    live: Mask
    some_expired: bool
    allowed: Mask


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """Exact scores of all rows that may be hits; arrays (m,)."""

    rows: I64
    scores: Scores
    related: Mask
    """Which of them have anything to do with the query."""
    cosines: F64 | None = None
    bm25: F64 | None = None


def rank(snapshot: Snapshot, plans: Sequence[Plan]) -> list[Ranked]:
    """Rank every plan; those of one mode share one pass over the vectors.

    What a plan gets does not depend on what else is in the wave.
    """
    asked = [_asked(snapshot, plan) for plan in plans]
    ranked = [Ranked(candidates=()) for _ in plans]
    for mode, search in _SEARCHES.items():
        places = [i for i, one in enumerate(asked) if _is_for(mode, one)]
        for i, found in zip(places, search(snapshot, [asked[i] for i in places]), strict=True):
            ranked[i] = Ranked(candidates=_best(snapshot, plans[i], found))
    return ranked


def standings(snapshot: Snapshot, plan: Plan, rows: Sequence[int]) -> dict[int, Standing]:
    """Where `rows` stand among all rows that may be found, `min_score` and `top_k` aside.

    Rows that the query rules out, or that have nothing to do with it, are left out.
    """
    query = replace(plan.query, top_k=max(1, snapshot.rows), min_score=None, explain=True)
    whole = replace(plan, query=query)
    asked = _asked(snapshot, whole)
    if not rows or not _is_for(query.mode, asked):
        return {}
    [found] = _SEARCHES[query.mode](snapshot, [asked])
    order = _order(snapshot, query, found)
    config = _config(whole)
    placed: dict[int, Standing] = {}
    for at in np.flatnonzero(np.isin(found.rows[order], rows)).tolist():
        i = int(order[at])
        placed[int(found.rows[i])] = (at + 1, _candidate(snapshot, found, i, config))
    return placed


def _asked(snapshot: Snapshot, plan: Plan) -> _Asked:
    live = unexpired(snapshot, plan.now)
    return _Asked(
        plan=plan,
        live=live,
        some_expired=live is not snapshot.alive,
        allowed=admitted(snapshot, plan.query, live),
    )


def _is_for(mode: Mode, asked: _Asked) -> bool:
    plan = asked.plan
    blind = mode is Mode.VECTOR and plan.vector is None
    return plan.query.mode is mode and not blind and bool(asked.allowed.any())


# -- the modes ---------------------------------------------------------------------------------


def _by_vector(snapshot: Snapshot, wave: Sequence[_Asked]) -> list[_Found]:
    """Related is what has a cosine above 0, for importance may make any score 0."""
    vectors = [one.plan.vector for one in wave if one.plan.vector is not None]
    if not vectors:
        return []
    leasts = [one.plan.query.min_similarity for one in wave]
    chosen = snapshot.slab.candidates_each(
        np.stack(vectors),
        [one.plan.query.top_k for one in wave],
        masks=[one.allowed & snapshot.embedded for one in wave],
        factors=snapshot.norms,
        at_least=[-1.0 if least is None else least for least in leasts],
    )
    found = []
    for rows, vector, least in zip(chosen, vectors, leasts, strict=True):
        exact = snapshot.slab.exact(rows, vector)
        related = exact > 0.0 if least is None else (exact > 0.0) & (exact >= least)
        scores = rules.vector_only(exact, snapshot.norms[rows])
        found.append(_Found(rows=rows, scores=scores, related=related, cosines=exact))
    return found


def _by_keyword(snapshot: Snapshot, wave: Sequence[_Asked]) -> list[_Found]:
    return [_keyword(snapshot, one) for one in wave]


def _keyword(snapshot: Snapshot, asked: _Asked) -> _Found:
    bm25 = _bm25(snapshot, asked)
    part = rules.keyword_part(bm25, best=_best_of(bm25, asked.allowed))
    most = np.where(asked.allowed & (part > 0.0), part, OUT)
    rows = contenders(most, asked.plan.query.top_k, width=0.0)
    scores = rules.keyword_only(part[rows])
    return _Found(rows=rows, scores=scores, related=scores.score > 0.0, bm25=bm25[rows])


def _best_of(bm25: F64, allowed: Mask) -> float:
    return float((bm25 if allowed.all() else bm25[allowed]).max(initial=0.0))


def _by_both(snapshot: Snapshot, wave: Sequence[_Asked]) -> list[_Found]:
    """Few at once are narrowed first; one product with all rows serves what is left.

    Of many, one after another has its arrays over all rows: a megabyte or two for 100 000.
    """
    few = [_narrowed(snapshot, one) for one in wave] if len(wave) <= FEW else []
    legs = few or (_legs(snapshot, one) for one in wave)
    unseen = [mine.cosines is None for mine in few] or [True] * len(wave)
    vectors = [one.plan.vector if open_ else None for one, open_ in zip(wave, unseen, strict=True)]
    cosines = Cosines.of(snapshot, [vector for vector in vectors if vector is not None])
    found = []
    for one, mine, vector in zip(wave, legs, vectors, strict=True):
        seen = mine if vector is None else mine.seeing(next(cosines))
        found.append(_hybrid(snapshot, one, seen))
    return found


def _legs(snapshot: Snapshot, asked: _Asked) -> Legs:
    """Of all rows, still without their cosines."""
    plan = asked.plan
    scoring = plan.scoring.weighted(plan.query.weights)
    bm25 = _bm25(snapshot, asked)
    recency = None
    if scoring.weights.recency > 0.0:
        ages = snapshot.ages_s(plan.now)
        recency = rules.recency_part(ages, half_life_s=scoring.half_life_s)
    return Legs(
        scoring=scoring,
        chain=snapshot.chain.among(asked.live) if asked.some_expired else snapshot.chain,
        allowed=asked.allowed,
        norms=snapshot.norms,
        bm25=bm25,
        best_k=_best_of(bm25, asked.allowed),
        recency=recency,
        floor=plan.floor,
    )


def _narrowed(snapshot: Snapshot, asked: _Asked) -> Legs:
    """The legs of the few rows that matter, with cosines; else of all, without."""
    legs, vector, query = _legs(snapshot, asked), asked.plan.vector, asked.plan.query
    whole = query.min_similarity is not None or query.graph_hops > 0
    narrow = not whole and snapshot.slab.spares(query.top_k)
    upper = snapshot.slab.upper(vector) if narrow and vector is not None else None
    if vector is None or upper is None:
        return legs
    found = narrowed(snapshot, legs, vector, upper, top_k=query.top_k)
    snapshot.slab.note(useful=found is not None)
    return found or legs


_SEARCHES: Final = {
    Mode.VECTOR: _by_vector,
    Mode.KEYWORD: _by_keyword,
    Mode.HYBRID: _by_both,
}


def _hybrid(snapshot: Snapshot, asked: _Asked, legs: Legs) -> _Found:
    rows, support, received = _chosen(snapshot, asked, legs)
    v, k = legs.exact(support.rows)
    rel: F64 = np.zeros(legs.size)
    rel[support.rows] = rules.relevance(v, k, legs.scoring.weights)
    at = np.searchsorted(support.rows, rows)
    scores = rules.hybrid(
        v=v[at],
        k=k[at],
        r=np.zeros(rows.shape[0]) if legs.recency is None else legs.recency[rows],
        context=rules.context_of(rows, rel, support.peers, legs.chain, legs.scoring),
        norm=legs.norms[rows],
        scoring=legs.scoring,
    )
    if received is not None:
        scores = lifted(scores, received[rows], share=share_of(legs.scoring.weights))
    return _Found(
        rows=legs.numbered(rows),
        scores=scores,
        related=scores.score > 0.0,
        cosines=None if legs.cosines is None else legs.cosines.exact(rows),
        bm25=legs.bm25[rows],
    )


def _chosen(snapshot: Snapshot, asked: _Asked, legs: Legs) -> tuple[I64, Support, F64 | None]:
    """The rows that may be hits, what scoring them exactly needs, and what the graph gives."""
    query, found, received = asked.plan.query, legs.bounds(), None
    most = found.most
    if query.graph_hops:
        received = activation(
            snapshot,
            asked.live,
            found.rel,
            legs.relevance,
            margin=found.margin,
            hops=query.graph_hops,
        )
        beta, share = legs.scoring.beta, share_of(legs.scoring.weights)
        norms = legs.norms.astype(np.float32)
        most = lifted_bounds(most, received, norms, beta=beta, share=share)
    eligible = legs.allowed & (most > 0.0)
    if query.min_similarity is not None and legs.cosines is not None:
        eligible = legs.cosines.at_least(query.min_similarity, eligible)
    rows = contenders(
        np.where(eligible, most + np.float32(rules.ROUNDING), np.float32(OUT)),
        query.top_k,
        width=legs.spread(found.width),
    )
    needed = rules.support(rows, found.rel, found.best, legs.chain, margin=found.margin)
    return rows, needed, received


def _bm25(snapshot: Snapshot, asked: _Asked) -> F64:
    """BM25 of all rows for the question; what it stands in counts for its share.

    Both are on one scale: of the rows that are admitted, the best for the context counts as the
    best for the question.
    """
    plan, allowed = asked.plan, asked.allowed
    scoring = plan.scoring
    constants = {"k1": scoring.k1, "b": scoring.b}
    question = snapshot.lexical.scores(plan.terms, snapshot.alive, **constants)
    if not plan.around:
        return question
    around = snapshot.lexical.scores(plan.around, snapshot.alive, **constants)
    most_asked, most_around = _best_of(question, allowed), _best_of(around, allowed)
    if most_around <= 0.0:
        return question
    scale = most_asked / most_around if most_asked > 0.0 else 1.0
    mixed: F64 = (1.0 - scoring.situation) * question + scoring.situation * scale * around
    return mixed


# -- the order ---------------------------------------------------------------------------------


def _best(snapshot: Snapshot, plan: Plan, found: _Found) -> list[Candidate]:
    config = _config(plan) if plan.query.explain else ""
    order = _order(snapshot, plan.query, found)
    return [_candidate(snapshot, found, i, config) for i in order.tolist()]


def _config(plan: Plan) -> str:
    scoring = plan.scoring.weighted(plan.query.weights)
    return scoring.config(
        model_revision=plan.model_revision,
        floor=plan.floor,
        analyzer=plan.analyzer,
        graph=facts(plan.query.graph_hops),
    )


def _order(snapshot: Snapshot, query: RecallQuery, found: _Found) -> I64:
    """The final order: score to a millionth, then importance norm, then id."""
    score = found.scores.score
    related = (
        found.related if query.min_score is None else found.related & (score >= query.min_score)
    )
    kept: I64 = np.flatnonzero(related)
    keys = [-np.rint(score[kept] / TIE), -snapshot.norms[found.rows[kept]]]
    left = leading(keys, query.top_k)
    low_first = [key[left] for key in keys] + _id_words(snapshot, found.rows[kept[left]])
    order: I64 = kept[left[np.lexsort(low_first[::-1])[: query.top_k]]]
    return order


def _id_words(snapshot: Snapshot, rows: I64) -> list[U64]:
    """Ids as two numbers each (m,), which together order as the ids do."""
    ids = b"".join([snapshot.ids[row] for row in rows.tolist()])
    words = np.frombuffer(ids, dtype=">u8").astype(np.uint64).reshape(-1, 2)
    return [words[:, 0], words[:, 1]]


def _candidate(snapshot: Snapshot, found: _Found, i: int, config: str) -> Candidate:
    """One hit; with its explanation when there is a `config`."""
    row = int(found.rows[i])
    norm = float(snapshot.norms[row])
    explanation = None
    if config:
        scored = found.scores.at(i)
        embedded = bool(snapshot.embedded[row])
        explanation = Explanation(
            parts=scored.parts,
            values=scored.values,
            weights=scored.weights,
            factor=scored.factor,
            importance_norm=norm,
            importance_method=snapshot.normaliser.method,
            cosine=float(found.cosines[i]) if embedded and found.cosines is not None else None,
            bm25=None if found.bm25 is None else float(found.bm25[i]),
            config=config,
        )
    return Candidate(
        id=UUID(bytes=snapshot.ids[row]),
        version=int(snapshot.versions[row]),
        score=float(found.scores.score[i]),
        norm=norm,
        explanation=explanation,
    )
