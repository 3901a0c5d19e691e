"""Spreading activation against the obvious slow version: loops over dictionaries."""

from collections.abc import Callable, Collection, Mapping
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfm_core.edges import spreading as module
from sfm_core.edges.spreading import DAMPING, FAN, GRID, spread
from tests.unit.sfm_core.edges.graphs import Links, memory, played, steps, table_of

NODES = 9


def slow(
    links: Links, seeds: Mapping[int, float], live: Collection[int], hops: int,
    *, fan_out: int, reached_at_most: int, id_of: Callable[[int], UUID] = memory,
) -> dict[int, float]:  # fmt: skip
    near: dict[int, dict[int, float]] = {n: {} for n in live}
    for (origin, target, _), weight in links.items():
        if origin in near and target in near:
            near[origin][target] = max(weight, near[origin].get(target, 0.0))
            near[target][origin] = max(weight, near[target].get(origin, 0.0))
    received: dict[int, int] = {}
    firing = {node: round(start * GRID) for node, start in seeds.items()}
    closed: set[int] = set()
    for _ in range(hops):
        arrived: dict[int, int] = {}
        for node, strength in firing.items():
            others = sorted(near[node], key=lambda o: (-near[node][o], id_of(o).bytes))
            if not others:
                continue
            strongest = near[node][others[0]]
            relative = {o: round(near[node][o] / strongest * GRID) for o in others}
            whole = max(GRID, float(sum(relative.values())) / FAN)
            for other in others[:fan_out]:
                flow = round(DAMPING * (relative[other] / whole) * strength)
                if other not in closed and flow:
                    arrived[other] = arrived.get(other, 0) + flow
        best = sorted(arrived, key=lambda n: (-arrived[n], id_of(n).bytes))
        best = best[: reached_at_most - len(received)]
        for node in best:
            received[node] = min(arrived[node], int(GRID))
        closed |= set(best) | set(seeds)
        firing = {node: received[node] for node in best if node not in seeds}
    return {node: value / GRID for node, value in received.items()}


def fast(links: Links, seeds: Mapping[int, float], live: Collection[int], hops: int) -> Any:
    numbers = list(range(NODES))
    snapshot = table_of(links, numbers).snapshot()
    known = {n: snapshot.node(memory(n).bytes) for n in seeds}
    placed = {node: seeds[n] for n, node in known.items() if node is not None}
    nodes, values = spread(
        snapshot,
        np.array(list(placed), dtype=np.int64),
        np.array(list(placed.values())),
        np.array([n in live for n in numbers]),
        hops=hops,
    )
    of = {node: n for n in numbers if (node := snapshot.node(memory(n).bytes)) is not None}
    return {of[int(node)]: float(value) for node, value in zip(nodes, values, strict=True)}


@settings(max_examples=300, deadline=None)
@given(
    steps(NODES),
    st.dictionaries(st.integers(0, NODES - 1), st.floats(0.0, 1.0), max_size=3),
    st.sets(st.integers(0, NODES - 1), max_size=3),
    st.integers(0, 3),
    st.sampled_from([(64, 1000), (2, 1000), (64, 3), (1, 2)]),
)
def test_what_each_memory_receives_is_that_of_the_slow_version(
    history: list[Any],
    seeds: dict[int, float],
    dead: set[int],
    hops: int,
    bounds: tuple[int, int],
) -> None:
    _, links = played(history)
    live = set(range(NODES)) - dead
    seeds = {n: start for n, start in seeds.items() if n in live}
    fan_out, reached = bounds
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FAN_OUT", fan_out)
        patch.setattr(module, "REACHED", reached)
        found = fast(links, seeds, live, hops)
    assert found == slow(
        links, seeds, live, hops, fan_out=fan_out, reached_at_most=reached
    )  # to the bit


@settings(max_examples=100, deadline=None)
@given(steps(NODES), st.randoms(use_true_random=False), st.integers(1, 3))
def test_the_order_in_which_links_came_does_not_matter(
    history: list[Any], shuffled: Any, hops: int
) -> None:
    _, links = played(history)
    others = list(links.items())
    shuffled.shuffle(others)
    live, seeds = range(NODES), {0: 1.0, 3: 0.7}
    assert fast(links, seeds, live, hops) == fast(dict(others), seeds, live, hops)


def test_a_hop_halves_and_a_hub_passes_on_little() -> None:
    chain: Links = {(0, 1, "related"): 3.0, (2, 1, "related"): 3.0}
    assert fast(chain, {0: 1.0}, range(NODES), 2) == {1: 0.5, 2: 0.25}
    assert fast(chain, {0: 1.0}, range(NODES), 1) == {1: 0.5}
    assert fast(chain, {0: 1.0}, range(NODES), 0) == {}
    few: Links = {(0, n, "related"): 1.0 for n in range(1, 9)}
    assert set(fast(few, {0: 1.0}, range(NODES), 1).values()) == {0.5}
    weak: Links = {(0, 1, "related"): 4.0, (0, 2, "related"): 1.0}
    assert fast(weak, {0: 1.0}, range(NODES), 1) == {1: 0.5, 2: 0.125}


def test_nothing_comes_back_to_where_it_began() -> None:
    star: Links = {(0, n, "related"): 1.0 for n in range(1, 9)}
    assert 0 not in fast(star, {0: 0.5}, range(NODES), 3)
    pair: Links = {(0, 1, "related"): 1.0}
    assert fast(pair, {0: 1.0, 1: 0.5}, range(NODES), 3) == {0: 0.25, 1: 0.5}
