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

Every function comes twice. The vectorised form ranks all rows, in float32, in O(rows). The
exact form re-scores a handful of rows in float64; `support` names the few others it needs.
The form of `c` and all constants were measured: docs/adr/045 to 048.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Final

import numpy as np

from sfm_core.errors import InvalidInput, Misconfigured
from sfm_core.model import F32, F64, I32, I64, Mask, Weights

GRID: Final = 2.0**40
"""Parts are multiples of 1/GRID, so that they add up exactly, in any order and language."""
MARGIN: Final = 1e-5
"""Rows this near the best of their session in float32 may be the best in float64."""
MAX_PEERS: Final = 32
"""Rows of one session that are re-scored for its best; only copies of one text exceed it."""
_MEASURED: Final = Weights(vector=0.2, keyword=0.2, context=0.6, recency=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """Every constant of the score.

    Raises:
        Misconfigured: a constant is outside its range, or the context's shares miss 1.
    """

    weights: Weights = field(default=_MEASURED)
    """Of the hybrid parts; used as `normalised`."""
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

    def __post_init__(self) -> None:
        unit = (self.beta, self.b, self.near, self.far, self.session)
        if not all(0.0 <= x <= 1.0 for x in unit):
            raise Misconfigured("beta, b, near, far and session lie in [0, 1]")
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

    def config(self, model_revision: str) -> str:
        """A hash of all constants and the model: equal hashes rank equally. 16 hex digits."""
        facts = json.dumps([asdict(self), model_revision], sort_keys=True)
        return hashlib.blake2b(facts.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, kw_only=True, eq=False)
class Chain:
    """Where each row stands in its session; all arrays (rows,), -1 for none.

    What is derived is made at its first use and kept: 32 bytes a row.
    """

    previous: I32
    next: I32
    session: I32
    """Session code."""

    @cached_property
    def around(self) -> tuple[I64, I64, I64, I64]:
        """Previous, next, their previous and next; the row itself where there is none."""
        previous, following = _or_self(self.previous), _or_self(self.next)
        before = np.where(self.previous >= 0, self.previous[previous], np.int32(-1))
        after = np.where(self.next >= 0, self.next[following], np.int32(-1))
        return previous, following, _or_self(before), _or_self(after)

    @cached_property
    def sessions(self) -> int:
        """How many session codes there may be: all lie below."""
        return int(self.session.max(initial=-1)) + 1

    def members(self, code: int) -> I64:
        """Rows of one session, ascending."""
        return np.flatnonzero(self.session == code)

    def among(self, live: Mask) -> "Chain":
        """The chain as if the other rows had never been: links step over them."""
        if live.all():
            return self
        return Chain(
            previous=_bridged(self.previous, live),
            next=_bridged(self.next, live),
            session=np.where(live, self.session, np.int32(-1)),
        )


def normalised(weights: Weights) -> Weights:
    """The weights scaled to sum to 1.

    Raises:
        InvalidInput: one is negative or not finite, or all are 0.
    """
    given = (weights.vector, weights.keyword, weights.context, weights.recency)
    if not all(0.0 <= w < math.inf for w in given):
        raise InvalidInput("weights are finite and at least 0", path="/weights")
    largest = max(given)
    if largest == 0.0:
        raise InvalidInput("at least one weight is above 0", path="/weights")
    scaled = [w / largest for w in given]
    vector, keyword, context, recency = (w / sum(scaled) for w in scaled)
    return Weights(vector=vector, keyword=keyword, context=context, recency=recency)


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


def context_part[A: (F32, F64)](rel: A, chain: Chain, scoring: Scoring) -> A:
    """What each row has around it, in [0, 1]; its own `rel` where nothing is.

    Shapes (rows,). Costs a few passes. `chain` names live rows only (`Chain.among`).
    """
    if not chain.sessions:
        return rel.copy()
    best = np.zeros(chain.sessions + 1, dtype=rel.dtype)  # the last is of rows without a session
    np.maximum.at(best, chain.session, rel)
    total = scoring.session * np.where(chain.session >= 0, best[chain.session], rel)
    for share, other in zip(_shares(scoring), chain.around, strict=True):
        total += share * rel[other]
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


# -- a handful of rows, exactly ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Support:
    """The rows whose exact relevance the exact context of some candidates needs."""

    rows: I64
    """Sorted, without repeats; the candidates are among them."""
    peers: Mapping[int, Sequence[int]]
    """Session code → rows that may be the session's best."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """A row's context, split: `c = lent + own * rel`."""

    lent: float
    """What others give, in [0, 1 - own]."""
    own: float
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


def support(
    candidates: Iterable[int], rel: F32, chain: Chain, *, margin: float = MARGIN
) -> Support:
    """What to score exactly before `context_of` can answer for the candidates.

    `rel` is the vectorised relevance of all rows, `margin` at least twice its error. Gives at
    most `MAX_PEERS` rows per session, and four neighbours per candidate. Costs the size of the
    candidates' sessions.
    """
    rows = np.unique(np.fromiter(candidates, dtype=np.int64))
    codes = np.unique(chain.session[rows])
    peers = {
        int(code): _peers(chain.members(int(code)), rel, margin) for code in codes if code >= 0
    }
    around = [rows, *(other[rows] for other in chain.around)]
    around += [np.asarray(members, dtype=np.int64) for members in peers.values()]
    return Support(rows=np.unique(np.concatenate(around)), peers=peers)


def context_of(
    row: int,
    rel: Mapping[int, float],
    chain: Chain,
    peers: Mapping[int, Sequence[int]],
    scoring: Scoring,
) -> Context:
    """The exact context of one candidate, from the exact relevance of its support."""
    lent: list[tuple[float, float]] = []
    for share, other in zip(_shares(scoring), chain.around, strict=True):
        at = int(other[row])
        if at != row:
            lent.append((share, rel[at]))
    code = int(chain.session[row])
    if code >= 0:
        best = max(rel[at] for at in peers[code])
        if best > rel[row]:
            lent.append((scoring.session, best))
    own = 1.0 - math.fsum(share for share, _ in lent)
    return Context(lent=math.fsum(share * other for share, other in lent), own=max(0.0, own))


def hybrid(
    *, v: float, k: float, r: float, context: Context, norm: float, scoring: Scoring
) -> Scored:
    """The exact hybrid score of one row."""
    w = normalised(scoring.weights)
    share, others = _vector_share(w), 1.0 - context.own
    weights = {
        "vector": w.vector + w.context * context.own * share,
        "keyword": w.keyword + w.context * context.own * (1.0 - share),
        "context": w.context * others,
        "recency": w.recency,
    }
    c = min(1.0, context.lent / others) if others > 0.0 else 0.0
    values = {"vector": v, "keyword": k, "context": c, "recency": r}
    return _scored(values, weights, 1.0 - scoring.beta + scoring.beta * norm)


def vector_only(cosine: float, norm: float) -> Scored:
    """The score in mode `vector`: the fast-core formula."""
    return _scored({"vector": min(1.0, max(0.0, cosine))}, {"vector": 1.0}, norm)


def keyword_only(k: float) -> Scored:
    """The score in mode `keyword`."""
    return _scored({"keyword": k}, {"keyword": 1.0}, 1.0)


def _scored(values: Mapping[str, float], weights: Mapping[str, float], factor: float) -> Scored:
    parts = {
        leg: round(factor * weights[leg] * value * GRID) / GRID for leg, value in values.items()
    }
    over = sum(parts.values()) - 1.0
    if over > 0.0:  # rounding to the grid can pass 1 by a step or two
        largest = max(parts, key=lambda leg: parts[leg])
        parts[largest] -= over
    return Scored(
        parts=parts, values=values, weights=weights, factor=factor, score=sum(parts.values())
    )


def _vector_share(weights: Weights) -> float:
    legs = weights.vector + weights.keyword
    return weights.vector / legs if legs > 0.0 else 0.5


def _shares(scoring: Scoring) -> tuple[float, float, float, float]:
    return scoring.near, scoring.near, scoring.far, scoring.far


def _peers(members: I64, rel: F32, margin: float) -> list[int]:
    """The rows that may be best, best first, ties by row."""
    lends = rel[members]
    near = lends >= lends.max() - margin
    members, lends = members[near], lends[near]
    order = np.argsort(-lends, kind="stable")[:MAX_PEERS]
    return [int(row) for row in members[order]]


def _or_self(links: I32) -> I64:
    rows = np.arange(links.shape[0], dtype=np.int64)
    return np.where(links >= 0, links, rows)


def _bridged(to: I32, live: Mask) -> I32:
    """Links that skip rows that are not live; each round doubles how far one can skip."""
    links = to.copy()
    while True:
        stuck = np.flatnonzero((links >= 0) & ~live[links])
        if not stuck.size:
            links[~live] = -1
            return links
        links[stuck] = links[links[stuck]]
