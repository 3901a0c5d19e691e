"""The score of a memory for a query: a sum of named parts, each in [0, 1].

    hybrid    f * (w_v * v + w_k * k + w_c * c + w_r * r),  f = 1 - beta + beta * importance norm
    vector    importance norm * max(0, cosine)
    keyword   bm25 / best bm25

`v` and `k` are a leg's score scaled to the best over all rows that the filter admits, never
over a fetched list. `c`, the context, is what a memory takes over from around it:

    rel = (w_v * v + w_k * k) / (w_v + w_k)
    c   = near * (rel[previous] + rel[next]) + far * (rel[previous's previous] + rel[next's next])
          + session * (best rel in the session)

with shares that sum to 1, along the episodic chain. What is not there (an end of the chain, a
memory without a session) is replaced by the memory's own `rel`: so memories with and without
a session compete on one scale, and where nothing has a session the order is that of `v` and
`k` alone. A filter decides what may be returned, not what was said around it: rows that the
filter leaves out lend their relevance too, dead and expired rows never do.

The score comes twice. `combine` ranks all rows, in float32, in O(rows), from upper bounds of
the parts. `hybrid` scores the rows that may be among the best, in float64, from the exact
parts of those and of the few others that `support` names: it decides, and it is vectorised
too, for where one text was stored many times the rows that may be best are many.
The form of `c` and all constants were measured: docs/adr/045 to 048.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Final

import numpy as np

from sfm_core.chain import Chain
from sfm_core.errors import InvalidInput, Misconfigured
from sfm_core.model import F32, F64, I64, Weights

GRID: Final = 2.0**40
"""Parts are multiples of 1/GRID, so that they add up exactly, in any order and language."""
ROUNDING: Final = 2e-6
"""How far rounding in float32 moves `relevance`, `context_part` or `combine`, at most."""
_LARGEST: Final = 1e12
FORMULA: Final = 1
"""Counts up whenever the same constants begin to give other scores."""
_MEASURED: Final = Weights(vector=0.2, keyword=0.2, context=0.6, recency=0.0, graph=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """Every constant of the score.

    Raises:
        Misconfigured: a constant is outside its range, or the context's shares miss 1.
    """

    weights: Weights = field(default=_MEASURED)
    """Of the hybrid parts; used as `normalised`. The graph's is chosen, not measured (ADR 113)."""
    beta: float = 0.1
    """How far importance can lower a hybrid score, in [0, 1]."""
    half_life_s: float = 30 * 86400.0
    """Age at which recency is one half; > 0."""
    k1: float = 0.9
    """BM25: how soon repeats of a word stop counting; >= 0."""
    b: float = 0.5
    """BM25: how much a long text pays for its length, in [0, 1]."""
    near: float = 0.13
    """Share of the context that each neighbour in the chain gives."""
    far: float = 0.10
    """Share that each neighbour's neighbour gives."""
    session: float = 0.54
    """Share that the best memory of the session gives."""

    situation: float = 0.1
    """Share of the question's meaning and words that the recent turns around it stand for, when a
    recall brings any; below 1."""

    def __post_init__(self) -> None:
        unit = (self.beta, self.b, self.near, self.far, self.session, self.situation)
        if not all(0.0 <= x <= 1.0 for x in unit):
            raise Misconfigured("beta, b, near, far, session and situation lie in [0, 1]")
        if not (0.0 < self.half_life_s < math.inf and 0.0 <= self.k1 < math.inf):
            raise Misconfigured("half_life_s is above 0, k1 at least 0, both finite")
        if abs(2.0 * self.near + 2.0 * self.far + self.session - 1.0) > 1e-9:
            raise Misconfigured("2 near + 2 far + session must be 1")
        try:
            normalised(self.weights)
        except InvalidInput as error:
            raise Misconfigured(error.detail) from error

    def weighted(self, weights: Weights | None) -> "Scoring":
        """The same with a request's weights, when it brings any.

        Raises:
            InvalidInput: one is negative or not finite, or all are 0.
        """
        if weights is None:
            return self
        return replace(self, weights=normalised(weights))

    def config(self, *, model_revision: str, floor: float, analyzer: str, graph: str = "") -> str:
        """A hash of all that turns the same memories into scores. 16 hex digits.

        That is the formula and its constants, the model with its floor, and the analyzer (its
        language included): equal hashes rank equally.
        """
        facts = [
            FORMULA,
            asdict(self),
            model_revision,
            floor,
            analyzer,
            *([graph] if graph else []),
        ]
        text = json.dumps(facts, sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def normalised(weights: Weights) -> Weights:
    """The weights scaled to sum to 1, that of the graph, which comes on top, by the same factor.

    Raises:
        InvalidInput: one is negative or not finite, or all are 0.
    """
    given = (weights.vector, weights.keyword, weights.context, weights.recency)
    if not all(0.0 <= w < math.inf for w in (*given, weights.graph)):
        raise InvalidInput("weights are finite and at least 0", path="/weights")
    largest = max(given)
    if largest == 0.0:
        raise InvalidInput("at least one weight beside graph is above 0", path="/weights")
    scaled = [w / largest for w in given]
    vector, keyword, context, recency = (w / sum(scaled) for w in scaled)
    graph = min(weights.graph / largest / sum(scaled), _LARGEST)
    return Weights(vector=vector, keyword=keyword, context=context, recency=recency, graph=graph)


# -- all rows at once --------------------------------------------------------------------------


def vector_part[A: (F32, F64)](cosine: A, *, best: float, floor: float) -> A:
    """Cosines scaled so that `floor` (unrelated under this model) is 0 and `best` is 1."""
    if best <= floor:
        return np.zeros_like(cosine)
    scaled: A = np.clip((cosine - floor) / (best - floor), 0.0, 1.0)
    return scaled


def keyword_part[A: (F32, F64)](bm25: A, *, best: float) -> A:
    """BM25 scores as shares of the best."""
    if best <= 0.0:
        return np.zeros_like(bm25)
    scaled: A = np.clip(bm25 / best, 0.0, 1.0)
    return scaled


def recency_part(age_s: F64, *, half_life_s: float) -> F64:
    """1 for now and for the future, one half after each half-life."""
    decayed: F64 = np.exp2(-np.maximum(age_s, 0.0) / half_life_s)
    return decayed


def relevance[A: (F32, F64)](v: A, k: A, weights: Weights) -> A:
    """Vector and keyword part in one, in [0, 1]: what neighbours lend each other."""
    share = _vector_share(weights)
    mixed: A = share * v + (1.0 - share) * k
    return mixed


def session_best[A: (F32, F64)](rel: A, chain: Chain) -> A:
    """The best `rel` in the session of each row; its own where it has none. Shapes (rows,)."""
    if not chain.sessions:
        return rel
    best = np.zeros(chain.sessions + 1, dtype=rel.dtype)  # the last is of rows without a session
    np.maximum.at(best, chain.codes, rel)
    found: A = best[chain.codes]
    return found if chain.all_in_sessions else np.where(chain.session >= 0, found, rel)


def context_part[A: (F32, F64)](
    rel: A, best: A, chain: Chain, scoring: Scoring, *, rows: I64 | None = None
) -> A:
    """What each row has around it, in [0, 1]; its own `rel` where nothing is. Never above `best`.

    Shapes (rows,), and so is what it gives, but of `rows` (m,) only where given; `best` is
    `session_best(rel, chain)`. Costs a few passes. `chain` names live rows only (`Chain.among`).
    """
    if not chain.sessions:
        return rel.copy() if rows is None else rel[rows]
    total = scoring.session * (best if rows is None else best[rows])
    for share, other in zip(_shares(scoring), chain.around, strict=True):
        total += share * rel[other if rows is None else other[rows]]
    clipped: A = np.minimum(total, 1.0)
    return clipped


def combine[A: (F32, F64)](v: A, k: A, c: A, r: A | None, norm: A, scoring: Scoring) -> A:
    """Hybrid scores of all rows, in [0, 1]; `r` may be None where its weight is 0."""
    w = normalised(scoring.weights)
    score: A = w.vector * v + w.keyword * k + w.context * c
    if r is not None:
        score += w.recency * r
    score *= (1.0 - scoring.beta) + scoring.beta * norm
    return score


def vector_weight(scoring: Scoring) -> float:
    """How far a score moves, at most, per step of the vector parts of all rows at once."""
    w = normalised(scoring.weights)
    return min(1.0, w.vector + w.context * _vector_share(w))


# -- some rows, exactly ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Support:
    """The rows whose exact relevance the exact context of some candidates needs."""

    rows: I64
    """Ascending, without repeats; the candidates are among them."""
    peers: I64
    """Those that may be the best of their session, for the sessions of the candidates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The context of m rows, split: `c = lent + own * rel`. Shapes (m,)."""

    lent: F64
    """What others give, in [0, 1 - own]."""
    own: F64
    """Share for which the row stands for itself, in [0, 1]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One score with its reasons; `sum(parts.values()) == score` exactly, in any order."""

    parts: Mapping[str, float]
    """Contribution of each leg: factor * weight * value, on the grid."""
    values: Mapping[str, float]
    """Each leg's value in [0, 1]; for `context` the mean over what is around the row."""
    weights: Mapping[str, float]
    """Of this row; where the row stands for itself, the context's weight went to the legs."""
    factor: float
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """The scores of m rows; a row's depends on its own numbers alone."""

    parts: Mapping[str, F64]
    values: Mapping[str, F64]
    weights: Mapping[str, F64]
    factor: F64
    score: F64
    """Shape (m,), as all others."""

    def at(self, i: int) -> Scored:
        """The score of one of them, with its reasons."""
        return Scored(
            parts={leg: float(part[i]) for leg, part in self.parts.items()},
            values={leg: float(value[i]) for leg, value in self.values.items()},
            weights={leg: float(weight[i]) for leg, weight in self.weights.items()},
            factor=float(self.factor[i]),
            score=float(self.score[i]),
        )


def support(candidates: I64, rel: F32, best: F32, chain: Chain, *, margin: float) -> Support:
    """What to score exactly before `context_of` can answer for the candidates.

    `rel` (rows,) are relevances of all rows within `margin` of each other's order: a row may be
    the best of its session when it lies at most that far below `best`, its `session_best`.
    Gives four neighbours per candidate and the rows that may be best in their sessions: one or
    two a session, and all of it where it repeats one text. Costs a few passes over the rows,
    however many the candidates.
    """
    needed = np.zeros(rel.shape[0], dtype=np.bool_)
    needed[candidates] = True
    peers: I64 = np.zeros(0, dtype=np.int64)
    if chain.sessions:
        for other in chain.around:
            needed[other[candidates]] = True
        asked = np.zeros(chain.sessions + 1, dtype=np.bool_)
        asked[chain.session[candidates]] = True
        asked[-1] = False  # rows without a session
        near: I64 = np.flatnonzero(rel >= best - np.float32(margin))
        peers = near[asked[chain.session[near]]]
        needed[peers] = True
    return Support(rows=np.flatnonzero(needed), peers=peers)


def context_of(rows: I64, rel: F64, peers: I64, chain: Chain, scoring: Scoring) -> Context:
    """The exact context of `rows` (m,) from `rel` (all rows,), exact where `support` says."""
    own_rel = rel[rows]
    lent, given = np.zeros(rows.shape[0]), np.zeros(rows.shape[0])
    if chain.sessions:
        for share, other in zip(_shares(scoring), chain.around, strict=True):
            at = other[rows]
            lent += np.where(at != rows, share * rel[at], 0.0)
            given += np.where(at != rows, share, 0.0)
        best = np.zeros(chain.sessions + 1)
        np.maximum.at(best, chain.session[peers], rel[peers])
        theirs = best[chain.session[rows]]  # 0 for a row without a session
        lent += np.where(theirs > own_rel, scoring.session * theirs, 0.0)
        given += np.where(theirs > own_rel, scoring.session, 0.0)
    return Context(lent=lent, own=np.clip(1.0 - given, 0.0, 1.0))


def hybrid(*, v: F64, k: F64, r: F64, context: Context, norm: F64, scoring: Scoring) -> Scores:
    """The exact hybrid scores of m rows; shapes (m,)."""
    w = normalised(scoring.weights)
    share, others = _vector_share(w), 1.0 - context.own
    weights = {
        "vector": w.vector + w.context * context.own * share,
        "keyword": w.keyword + w.context * context.own * (1.0 - share),
        "context": w.context * others,
        "recency": np.full(v.shape, w.recency),
    }
    lent = np.divide(context.lent, others, out=np.zeros(v.shape), where=others > 0.0)
    values = {"vector": v, "keyword": k, "context": np.minimum(1.0, lent), "recency": r}
    return scores_of(values, weights, 1.0 - scoring.beta + scoring.beta * norm)


def vector_only(cosine: F64, norm: F64) -> Scores:
    """The scores in mode `vector`: the fast-core formula. Shapes (m,)."""
    return scores_of({"vector": np.clip(cosine, 0.0, 1.0)}, {"vector": np.ones(norm.shape)}, norm)


def keyword_only(k: F64) -> Scores:
    """The scores in mode `keyword`. Shapes (m,)."""
    one = np.ones(k.shape)
    return scores_of({"keyword": k}, {"keyword": one}, one)


def scores_of(values: Mapping[str, F64], weights: Mapping[str, F64], factor: F64) -> Scores:
    """The scores with these parts: factor * weight * value, on the grid. Shapes (m,)."""
    parts = np.array(
        [np.rint(factor * weights[leg] * value * GRID) / GRID for leg, value in values.items()]
    )
    over = np.maximum(parts.sum(axis=0) - 1.0, 0.0)  # rounding to the grid can pass 1 by a step
    parts[parts.argmax(axis=0), np.arange(parts.shape[1])] -= over
    return Scores(
        parts=dict(zip(values, parts, strict=True)),
        values=values,
        weights=weights,
        factor=factor,
        score=parts.sum(axis=0),
    )


def _vector_share(weights: Weights) -> float:
    legs = weights.vector + weights.keyword
    return weights.vector / legs if legs > 0.0 else 0.5


def _shares(scoring: Scoring) -> tuple[float, float, float, float]:
    return scoring.near, scoring.near, scoring.far, scoring.far
