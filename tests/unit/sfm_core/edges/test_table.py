"""The links as arrays against a dictionary."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfm_core.edges import table as module
from sfm_core.edges.table import NOWHERE, Edges, EdgeSnapshot
from tests.unit.sfm_core.edges.graphs import Links, memory, played, rows_of, steps, table_of

NODES = 8


def links_of(snapshot: EdgeSnapshot) -> Links:
    numbers = {memory(n).bytes: n for n in range(200)}
    names = {code: name for name, code in snapshot.types.items()}
    return {
        (
            numbers[snapshot.ids[int(snapshot.origin[edge])]],
            numbers[snapshot.ids[int(snapshot.target[edge])]],
            names[int(snapshot.type[edge])],
        ): float(snapshot.weight[edge])
        for edge in np.flatnonzero(snapshot.weight)
    }


def touching(snapshot: EdgeSnapshot, number: int) -> Counter[int]:
    node = snapshot.node(memory(number).bytes)
    if node is None:
        return Counter()
    _, edge = snapshot.around(np.array([node]))
    return Counter(edge.tolist())


@settings(max_examples=200, deadline=None)
@given(steps(NODES), st.randoms(use_true_random=False), st.sampled_from([0, 3, 4096]))
def test_links_come_in_any_order_and_more_than_once(
    history: list[Any], shuffled: Any, tail: int
) -> None:
    rows, links = played(history)
    told = rows + [row for row in rows if shuffled.random() < 0.3]
    shuffled.shuffle(told)
    edges = Edges()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "TAIL", tail)
        patch.setattr(module, "COMPACT_AT_LEAST", 1)
        for start in range(0, len(told), 5):
            edges.apply(told[start : start + 5], rows_of(range(NODES)))
            if edges.wants_compaction():
                edges = edges.compacted()
            snapshot = edges.snapshot()
            snapshot.around(np.arange(snapshot.nodes))  # makes an index now and then
        snapshot = edges.snapshot()
        assert links_of(snapshot) == links
        assert edges.live == len(links)
        for number in range(NODES):
            mine = [name for name in links if number in name[:2]]
            assert len(touching(snapshot, number)) == len(mine)
            node = snapshot.node(memory(number).bytes)
            if node is not None:
                assert snapshot.degrees[node] == len(mine)


@settings(max_examples=100, deadline=None)
@given(steps(NODES), steps(NODES))
def test_a_snapshot_stays_as_it_was(before: list[Any], after: list[Any]) -> None:
    rows, _ = played(before + after)
    first = len(played(before)[0])
    edges = Edges()
    edges.apply(rows[:first], rows_of(range(NODES)))
    snapshot = edges.snapshot()
    seen = (links_of(snapshot), [touching(snapshot, n) for n in range(NODES)])
    edges.apply(rows[first:], rows_of(range(NODES)))
    edges.place(memory(0).bytes, NOWHERE)
    later = edges.snapshot()
    later.around(np.arange(later.nodes))  # the index of the later one serves the earlier too
    snapshot.indexes.latest = later.indexes.latest
    assert (links_of(snapshot), [touching(snapshot, n) for n in range(NODES)]) == seen


def test_rows_follow_their_memories() -> None:
    edges = table_of({(0, 1, "related"): 1.0, (1, 2, "related"): 1.0}, [0, 1])
    snapshot = edges.snapshot()
    assert [snapshot.rows[snapshot.node(memory(n).bytes)] for n in (0, 1, 2)] == [0, 1, NOWHERE]
    edges.place(memory(2).bytes, 2)
    edges.place(memory(0).bytes, 3)
    edges.place(memory(7).bytes, 9)
    edges.renumber(np.array([False, True, True, True]))
    later = edges.snapshot()
    assert [later.rows[later.node(memory(n).bytes)] for n in (0, 1, 2)] == [2, 0, 1]
    assert [snapshot.rows[snapshot.node(memory(n).bytes)] for n in (0, 1, 2)] == [0, 1, NOWHERE]


def test_the_end_of_a_link_fences_its_past_also_after_a_compaction() -> None:
    rows, _ = played([(0, 1, "related", 1.0), (0, 1, "related", 2.0), (0, 1, "related", None)])
    for compacts in (False, True):
        edges = Edges()
        edges.apply(rows[1:], {})
        if compacts:
            edges = edges.compacted()
        assert edges.apply(rows, {}) == 0
        assert edges.live == 0
        edges.forget_fences()
        assert edges.apply(rows, {}) == 0


def test_an_unknown_link_that_is_no_more_is_remembered_for_a_while() -> None:
    rows, _ = played([(0, 1, "related", 1.0), (0, 1, "related", None), (0, 1, "related", 3.0)])
    edges = Edges()
    assert edges.apply([rows[1]], {}) == 1
    assert edges.apply([rows[0]], {}) == 0
    assert edges.apply([rows[2], rows[2], rows[1]], {}) == 1
    assert edges.live == 1


def test_what_it_holds_is_counted() -> None:
    edges = Edges()
    empty = edges.nbytes
    links: Links = {(n, n + 1, "related"): 1.0 for n in range(199)}
    edges = table_of(links, range(200))
    assert edges.nbytes > empty + 199 * 150
