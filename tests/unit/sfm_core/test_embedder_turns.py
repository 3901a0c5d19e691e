from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from sfm_core.adapters.turns import Turns


def test_callers_alternate_whatever_they_brought() -> None:
    turns: Turns[str] = Turns()
    turns.join("batch", 3)
    turns.join("query", 1)
    assert [turns.take() for _ in range(5)] == ["batch", "query", "batch", "batch", None]


def test_one_who_comes_late_waits_for_one_piece_of_each_other() -> None:
    turns: Turns[str] = Turns()
    turns.join("a", 100)
    turns.join("b", 100)
    turns.take()
    turns.join("late", 1)
    assert [turns.take() for _ in range(3)] == ["b", "a", "late"]


def test_leaving_takes_the_rest_of_the_work_along() -> None:
    turns: Turns[str] = Turns()
    turns.join("a", 5)
    turns.join("b", 2)
    turns.take()
    turns.leave("a")
    assert turns.waiting == 2
    assert turns.callers() == ("b",)
    turns.leave("a")
    assert turns.waiting == 2


@given(st.lists(st.integers(1, 6), max_size=8), st.sets(st.integers(0, 7)))
def test_everyone_gets_as_many_turns_as_pieces_unless_gone(
    pieces: list[int], gone: set[int]
) -> None:
    turns: Turns[int] = Turns()
    for newcomer, count in enumerate(pieces):
        turns.join(newcomer, count)
    for absent in gone:
        turns.leave(absent)
    expected = Counter({c: n for c, n in enumerate(pieces) if c not in gone})
    assert turns.waiting == expected.total()
    taken: list[int] = []
    while (caller := turns.take()) is not None:
        taken.append(caller)
    assert Counter(taken) == expected
    assert turns.waiting == 0
    assert turns.callers() == ()
