"""Spreading activation: relevance that flows along links, both ways, and fades with each hop.

    share(x -> y) = w(x, y) / max(strongest w at x, total w at x / FAN)
    flow(x -> y)  = DAMPING * share(x -> y) * activation(x)

`w(x, y)` is the strongest link between the two, whichever way it leads and of whichever type. So
what a memory with up to `FAN` equal links passes on does not depend on how many they are, and a
hub passes on little to each. Each memory passes on once, at the hop after it was first reached:
at the first hop the seeds do, and whatever they are linked to receives, other seeds too; later
only what no hop before has reached. What arrives by several ways at one hop adds up, to 1 at
most.

All is reckoned in whole multiples of 1/GRID, so that it does not depend on the order in which
links were loaded. Bounded: `FAN_OUT` links from each memory, the strongest, and `REACHED`
memories in all, those that receive most; ties go to the smaller id.
"""

from typing import Final

import numpy as np

from sfm_core.edges.table import EdgeSnapshot
from sfm_core.model import F64, I64, Mask

GRID: Final = 2.0**40
DAMPING: Final = 0.5
FAN: Final = 8
FAN_OUT: Final = 64
REACHED: Final = 1000
SEEDS: Final = 16
"""How many of the best memories relevance spreads from."""


def spread(
    edges: EdgeSnapshot, seeds: I64, activation: F64, live: Mask, *, hops: int
) -> tuple[I64, F64]:
    """Which nodes receive activation, and how much of it: shapes (m,), in (0, 1].

    `seeds` (s,) are distinct nodes of memories that live, `activation` (s,) in [0, 1] is what
    they start with, `live` (rows,) marks the rows that may take part. Nodes come ascending.
    """
    received = np.zeros(edges.nodes, dtype=np.int64)
    closed = np.zeros(edges.nodes, dtype=np.bool_)
    usable = _usable(edges, live)
    strength = np.rint(np.clip(activation, 0.0, 1.0) * GRID)
    frontier, is_seed = seeds, np.zeros(edges.nodes, dtype=np.bool_)
    is_seed[seeds] = True
    left = REACHED
    for _ in range(hops):
        place, node, share = _shares(edges, frontier, usable)
        flow = np.rint(DAMPING * share * strength[place]).astype(np.int64)
        open_ends = ~closed[node]
        arrived = np.zeros(edges.nodes, dtype=np.int64)
        np.add.at(arrived, node[open_ends], flow[open_ends])
        reached = _most(edges, np.flatnonzero(arrived), arrived, left)
        left -= reached.shape[0]
        received[reached] = np.minimum(arrived[reached], int(GRID))
        closed[reached] = True
        closed[seeds] = True
        frontier = reached[~is_seed[reached]]
        if not frontier.size:
            break
        strength = received[frontier].astype(np.float64)
    nodes = np.flatnonzero(received)
    return nodes, received[nodes] / GRID


def _usable(edges: EdgeSnapshot, live: Mask) -> Mask:
    there: Mask = edges.rows >= 0
    there[there] = live[edges.rows[there]]
    return there


def _shares(edges: EdgeSnapshot, frontier: I64, usable: Mask) -> tuple[I64, I64, F64]:
    """(place in `frontier`, neighbour, share), one for each two that are linked."""
    place, edge = edges.around(frontier)
    origin, target = edges.origin[edge], edges.target[edge]
    node = np.where(origin == frontier[place], target, origin).astype(np.int64)
    known = usable[node]
    place, node, weight = place[known], node[known], edges.weight[edge[known]]
    place, node, weight = _paired(place, node, weight, edges.nodes)
    if not place.size:
        return place, node, weight
    order = np.lexsort((edges.low[node], edges.high[node], -weight, place))
    place, node, weight = place[order], node[order], weight[order]
    first = np.flatnonzero(np.diff(place, prepend=-1))
    sizes = np.diff(first, append=place.shape[0])
    relative = np.rint(weight / np.repeat(weight[first], sizes) * GRID)
    total = np.add.reduceat(relative.astype(np.int64), first).astype(np.float64)
    share = relative / np.repeat(np.maximum(GRID, total / FAN), sizes)
    kept = np.arange(place.shape[0]) - np.repeat(first, sizes) < FAN_OUT
    return place[kept], node[kept], share[kept]


def _paired(place: I64, node: I64, weight: F64, nodes: int) -> tuple[I64, I64, F64]:
    """The strongest link of each pair."""
    pair = place * nodes + node
    order = np.argsort(pair, kind="stable")
    pair, weight = pair[order], weight[order]
    first = np.flatnonzero(np.diff(pair, prepend=-1))
    if not first.size:
        return place, node, weight
    strongest = np.maximum.reduceat(weight, first)
    return pair[first] // nodes, pair[first] % nodes, strongest


def _most(edges: EdgeSnapshot, nodes: I64, arrived: I64, limit: int) -> I64:
    """The `limit` nodes where most arrived, ascending."""
    if nodes.shape[0] <= limit:
        return nodes
    order = np.lexsort((edges.low[nodes], edges.high[nodes], -arrived[nodes]))
    return np.sort(nodes[order[:limit]])
