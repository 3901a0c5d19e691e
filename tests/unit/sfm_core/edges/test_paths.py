"""Ways over the arrays against plain NetworkX graphs."""

from itertools import pairwise
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfm_core.edges.paths import Way, strongest_way
from sfm_core.errors import DeadlineExceeded
from tests.unit.sfm_core.edges.graphs import TYPES, Links, memory, played, steps, table_of

NODES = 9


def way(
    links: Links, origin: int, target: int, *, kind: str | None = None, dead: frozenset[int]
) -> Way | None:
    return strongest_way(
        table_of(links, range(NODES)).snapshot(),
        memory(origin),
        memory(target),
        type=kind,
        live=np.array([n not in dead for n in range(NODES)]),
        deadline_s=60.0,
    )


@settings(max_examples=300, deadline=None)
@given(
    steps(NODES, most=40),
    st.integers(1, NODES - 1),
    st.sampled_from([None, *TYPES, "unheard of"]),
    st.frozensets(st.integers(1, NODES - 2), max_size=2),
    st.randoms(use_true_random=False),
)
def test_a_way_is_as_short_as_networkx_finds_and_the_same_however_links_came(
    history: list[Any], target: int, kind: str | None, dead: frozenset[int], shuffled: Any
) -> None:
    dead -= {target}
    _, links = played(history)
    lengths: dict[tuple[int, int], float] = {}
    for (origin, end, its), weight in links.items():
        if kind in (None, its) and not {origin, end} & dead:
            length = min(1.0 / weight, 1e300)
            lengths[origin, end] = min(length, lengths.get((origin, end), length))
    plain = nx.DiGraph()
    plain.add_nodes_from(range(NODES))
    plain.add_weighted_edges_from((a, b, length) for (a, b), length in lengths.items())
    found = way(links, 0, target, kind=kind, dead=dead)
    if not nx.has_path(plain, 0, target):
        assert found is None
        return
    shortest = nx.dijkstra_path_length(plain, 0, target)
    assert found is not None
    numbers = {memory(n): n for n in range(NODES)}
    path = [numbers[one] for one in found.memories]
    assert (path[0], path[-1]) == (0, target)
    assert sum(lengths[hop] for hop in pairwise(path)) == pytest.approx(shortest)
    assert found.weight == pytest.approx(1.0 / shortest)
    others = list(links.items())
    shuffled.shuffle(others)
    assert way(dict(others), 0, target, kind=kind, dead=dead) == found


def test_the_weight_of_one_link_is_that_of_its_way() -> None:
    found = way({(0, 1, "related"): 2.5}, 0, 1, dead=frozenset())
    assert found is not None
    assert found.weight == 2.5
    assert way({(0, 1, "related"): 2.5}, 1, 0, dead=frozenset()) is None


def test_two_strong_links_are_nearer_than_a_weak_one() -> None:
    links: Links = {(0, 1, "related"): 1.0, (0, 2, "related"): 4.0, (2, 1, "related"): 4.0}
    found = way(links, 0, 1, dead=frozenset())
    assert found == Way(memories=(memory(0), memory(2), memory(1)), weight=2.0)
    assert way(links, 0, 1, dead=frozenset({2})) == Way(memories=(memory(0), memory(1)), weight=1.0)


def test_of_ways_equally_long_the_links_alone_decide() -> None:
    middle = (1, 2, 3, 4)
    hops = [(0, n, "related") for n in middle] + [(n, 5, "related") for n in middle]
    found = set()
    for turn in range(len(hops)):
        turned = hops[turn:] + hops[:turn]
        for one in (turned, turned[::-1]):
            found.add(way(dict.fromkeys(one, 1.0), 0, 5, dead=frozenset()))
    assert len(found) == 1


def test_a_memory_without_links_is_nowhere() -> None:
    assert way({(0, 1, "related"): 1.0}, 0, 5, dead=frozenset()) is None
    assert way({(0, 1, "related"): 1.0}, 5, 0, dead=frozenset()) is None


@pytest.mark.parametrize("gone", [0, 1])
def test_an_end_that_is_gone_meanwhile_has_no_way(gone: int) -> None:
    assert way({(0, 1, "related"): 1.0}, 0, 1, dead=frozenset({gone})) is None


def test_a_search_ends_when_its_time_is_over() -> None:
    links: Links = {(n, n + 1, "related"): 1.0 for n in range(8)}
    with pytest.raises(DeadlineExceeded):
        strongest_way(
            table_of(links, range(NODES)).snapshot(),
            memory(0),
            memory(8),
            type=None,
            live=np.ones(NODES, dtype=np.bool_),
            deadline_s=-1.0,
        )
