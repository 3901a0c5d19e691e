"""A view that was saved and restored is the view: same answers now and after more changes."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfm_core.errors import Corrupt
from sfm_core.filters import Op, Term
from sfm_core.model import LinkRow, Mode, Sample
from sfm_core.model.saved import SavedView
from sfm_core.recall.rank import rank
from sfm_core.recall.saved_views import fingerprint, restored, saved
from sfm_core.recall.view import View
from tests.unit.sfm_core.recall.test_rank import ANALYZER, DIM, START, WORDS, a_plan, a_row, a_view

STEP = st.tuples(
    st.integers(0, 12),
    st.sampled_from([None, "monday", "tuesday"]),
    st.sampled_from([0, 0, 3]),
    st.lists(st.sampled_from((*WORDS, "tea tea", "お茶")), max_size=5),
    st.lists(st.sampled_from(["a", "b"]), max_size=2, unique=True),
    st.sampled_from(["put", "put", "put", "delete", "blind", "compact"]),
)


def again(view: View) -> View:
    held = saved(view.snapshot(), token=7)
    fresh = restored("acme", held, dim=DIM, analyzer=ANALYZER)
    fresh.apply((), samples_of(view))
    return fresh


def samples_of(view: View) -> list[Sample]:
    """What the store would give after a load."""
    by_position = view._reservoir._by_position
    return [Sample(position=at, importance=value) for at, value in by_position.items()]


def answers(view: View) -> list[Any]:
    plans = [
        a_plan("tea in the garden", top_k=30),
        a_plan("rain お茶", top_k=30, mode=Mode.KEYWORD),
        a_plan(top_k=30, mode=Mode.VECTOR),
        a_plan("tea", top_k=30, filter=Term("@tags", Op.EQ, "a")),
        a_plan("tea", top_k=30, filter=Term("@session", Op.EQ, "monday")),
        a_plan("tea", top_k=30, since=START + timedelta(days=1)),
    ]
    return rank(view.snapshot(), plans)


def play(view: View, history: list[tuple[Any, ...]], versions: dict[int, int]) -> None:
    for number, session, days, words, tags, step in history:
        if step == "compact":
            view.compact()
            continue
        versions[number] = version = versions.get(number, 0) + 1
        row = a_row(
            number,
            version=version,
            session=session,
            occurred_at=START + timedelta(days=days) if days else None,
            text=" ".join(words),
            tags=tuple(tags),
            deleted=step == "delete",
            importance=float(number),
        )
        if step == "blind":
            row = a_row(number, version=version, vector=None, session=session)
        view.apply([row], [Sample(position=row.position, importance=row.importance)])


@settings(max_examples=120, deadline=None)
@given(st.lists(STEP, max_size=40), st.lists(STEP, max_size=15))
def test_a_restored_view_answers_as_the_saved_one_also_after_more_changes(
    before: list[tuple[Any, ...]], after: list[tuple[Any, ...]]
) -> None:
    view, versions = View("acme", dim=DIM, analyzer=ANALYZER), dict[int, int]()
    play(view, before, versions)
    fresh = again(view)
    assert answers(fresh) == answers(view)
    assert fingerprint(fresh) == fingerprint(view)
    assert (fresh.live, fresh.rows) == (view.live, view.rows)
    other = dict(versions)
    play(view, after, versions)
    play(fresh, after, other)
    assert answers(fresh) == answers(view)
    view.compact()
    fresh.compact()
    assert answers(fresh) == answers(view)
    for mine, theirs in zip(view._chains.arrays(), fresh._chains.arrays(), strict=True):
        assert (mine >= 0).tolist() == (theirs >= 0).tolist()


def test_what_is_saved_stays_as_it_was_while_the_view_goes_on() -> None:
    view = a_view([a_row(n, session="s") for n in range(60)])
    snapshot = view.snapshot()
    expected = saved(snapshot, token=1)
    view.apply([a_row(n, version=2, text="tea " * 9) for n in range(90)])
    found = saved(snapshot, token=1)
    assert found.texts["words.terms"] == expected.texts["words.terms"]
    for name, array in expected.arrays.items():
        assert np.array_equal(found.arrays[name], array, equal_nan=name == "axes"), name


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("vectors", lambda a: a[:-1]),
        ("vectors", lambda a: a[:, :-1]),
        ("vectors", lambda a: a * 2),
        ("ids", lambda a: a[:1].repeat(a.shape[0], axis=0)),
        ("words.rows", lambda a: a + 1000),
        ("words.offsets", lambda a: a[:-1]),
        ("words.lengths", lambda a: a[1:]),
        ("columns.@tags", lambda a: a + 50),
        ("columns.@kind", lambda a: a + 5),
        ("columns.@session", lambda a: a[1:]),
        ("columns.@created_at", lambda a: a[1:]),
        ("alive", lambda a: a[1:]),
        ("axes", None),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(part: str, change: Any) -> None:
    held = saved(a_view([a_row(n, session="s") for n in range(10)]).snapshot(), token=1)
    arrays = dict(held.arrays)
    if change is None:
        del arrays[part]
    else:
        arrays[part] = change(arrays[part])
    wrong = SavedView(arrays=arrays, texts=held.texts, token=1, position=1)
    with pytest.raises(Corrupt):
        restored("acme", wrong, dim=DIM, analyzer=ANALYZER)


def test_the_fingerprint_tells_memories_versions_and_times_apart() -> None:
    rows = [a_row(n) for n in range(5)]
    prints = {
        fingerprint(a_view(rows)).total,
        fingerprint(a_view(rows[1:])).total,
        fingerprint(a_view([a_row(0, version=2), *rows[1:]])).total,
        fingerprint(a_view([a_row(0, updated_at=START), *rows[1:]])).total,
        fingerprint(a_view([a_row(9), *rows[1:]])).total,
    }
    assert len(prints) == 4  # a_row(0) was updated at START anyway


def test_links_that_are_read_again_spread_as_before() -> None:
    rows = [a_row(n) for n in range(12)]
    links = [
        LinkRow(
            namespace="acme",
            origin=rows[n].id,
            target=rows[n + 1].id,
            type="related",
            weight=2.0,
            version=1,
            position=1000 + n,
        )
        for n in range(0, 10, 2)
    ]
    view = a_view(rows)
    view.apply((), (), links)
    fresh = again(view)
    fresh.apply((), (), links)
    plan = a_plan("tea in the garden", top_k=12, graph_hops=2)
    assert rank(fresh.snapshot(), [plan]) == rank(view.snapshot(), [plan])
    assert rank(view.snapshot(), [plan]) != rank(a_view(rows).snapshot(), [plan])
