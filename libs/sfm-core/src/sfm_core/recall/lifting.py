"""The graph leg of a hybrid score: what links add to memories that relevance reaches along them.

    base  = w_v * v + w_k * k + w_c * c + w_r * r          the score as it is without the leg
    score = f * max(base, (1 - w_g) * base + w_g * g)

`g` is the activation that a memory receives (`edges.spreading`) from the best matches: those
`SEEDS` linked memories of highest relevance (`scoring.relevance`) that live, whether or not a
filter admits them. So the leg lifts memories, and never lowers one: where nothing is linked, order
and scores are those without it. A lifted memory's other weights shrink by `1 - w_g`, so that its
weights sum to 1 and its parts to its score.

`g` is known exactly for all rows before any row is scored, so bounds on the base make bounds on
the score.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from sfm_core import scoring as rules
from sfm_core.edges.spreading import DAMPING, FAN, FAN_OUT, REACHED, SEEDS, spread
from sfm_core.model import F32, F64, I64, Mask, Weights
from sfm_core.recall.view import Snapshot
from sfm_core.scoring import Scores
from sfm_core.slab.topk import TIE, contenders

type Exact = Callable[[I64], F64]
"""The exact relevance of some rows, (m,) to (m,)."""

_OUT: Final = np.float32(-1.0)


def share_of(weights: Weights) -> float:
    """`w_g`: the graph's part of all the weights, in [0, 1]."""
    graph = rules.normalised(weights).graph
    return graph / (1.0 + graph)


def facts(hops: int) -> str:
    """What a configuration's hash must know of the leg; empty when it is not asked for."""
    return f"graph {hops} {SEEDS} {DAMPING} {FAN} {FAN_OUT} {REACHED}" if hops else ""


def activation(
    snapshot: Snapshot, live: Mask, rel: F32, exact: Exact, *, margin: float, hops: int
) -> F64:
    """What each row receives, in [0, 1]; shape (rows,).

    `rel` (rows,) are upper bounds of the relevances, at most `margin` above them. Costs a pass
    over the linked memories, the exact relevance of some more than `SEEDS` of them, and one look
    around at each memory that passes activation on.
    """
    received: F64 = np.zeros(snapshot.rows)
    edges = snapshot.edges
    nodes = edges.linked_nodes()
    nodes = nodes[live[edges.rows[nodes]]]
    rows = edges.rows[nodes].astype(np.int64)
    bounds = np.where(rel[rows] > 0.0, rel[rows] + np.float32(rules.ROUNDING), _OUT)
    if not hops or not rows.size:
        return received
    near = contenders(bounds, SEEDS, width=margin)
    relevance, nodes = exact(rows[near]), nodes[near]
    order = np.lexsort((edges.low[nodes], edges.high[nodes], -np.rint(relevance / TIE)))[:SEEDS]
    seeds = order[relevance[order] > 0.0]
    reached, strength = spread(edges, nodes[seeds], relevance[seeds], live, hops=hops)
    received[edges.rows[reached]] = strength
    return received


def lifted_bounds(most: F32, received: F64, norms: F32, *, beta: float, share: float) -> F32:
    """Upper bounds of the lifted scores from those of the scores without the leg; (rows,)."""
    factor = np.float32(1.0 - beta) + np.float32(beta) * norms
    gain = factor * received.astype(np.float32) - most
    raised: F32 = most + np.float32(share) * np.maximum(gain, np.float32(0.0))
    return raised


def lifted(scores: Scores, received: F64, *, share: float) -> Scores:
    """The scores with the graph's part; arrays (m,)."""
    base = np.zeros(received.shape[0])
    for leg, value in scores.values.items():
        base += scores.weights[leg] * value
    taken = np.where(received > base, share, 0.0)
    weights = {leg: weight * (1.0 - taken) for leg, weight in scores.weights.items()}
    values = {**scores.values, "graph": received}
    return rules.scores_of(values, {**weights, "graph": taken}, scores.factor)
