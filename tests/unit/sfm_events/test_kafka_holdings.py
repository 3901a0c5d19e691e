"""Which offsets a member may commit, and where it goes on: nothing lost, nothing of others'."""

from hypothesis import given
from hypothesis import strategies as st

from sfm_events.ports import Partition
from sfm_events.transports.kafka_holdings import Holdings
from sfm_events.transports.kafka_inside import Life

P, Q = Partition("t", 0), Partition("t", 1)


def holding(*partitions: Partition) -> Holdings:
    made = Holdings()
    made.assign(partitions, unbroken=False)
    return made


def test_nothing_is_committed_of_a_partition_that_is_not_owned() -> None:
    held = holding(P)
    assert held.give(P, 0, 5)
    assert not held.give(Q, 0, 5)
    assert held.may_commit(P, 5)
    assert not held.may_commit(Q, 5)


def test_nothing_is_committed_of_a_partition_of_which_nothing_was_given() -> None:
    assert not holding(P).may_commit(P, 0)


def test_what_was_given_before_a_break_is_not_committed_after_it() -> None:
    held = holding(P)
    held.give(P, 0, 100)
    assert held.assign([P], unbroken=False) == {}
    assert not held.may_commit(P, 100)
    held.give(P, 200, 250)
    assert not held.may_commit(P, 100)
    assert held.may_commit(P, 250)


def test_a_partition_that_stayed_goes_on_where_it_was() -> None:
    held = holding(P)
    held.give(P, 0, 100)
    assert held.assign([P, Q], unbroken=True) == {P: 100}
    assert held.may_commit(P, 60)
    assert held.owned == {P, Q}


def test_a_partition_that_was_away_for_a_round_does_not() -> None:
    held = holding(P)
    held.give(P, 0, 100)
    held.assign([Q], unbroken=True)
    assert held.assign([P], unbroken=True) == {}
    assert not held.may_commit(P, 100)


def test_a_forfeited_partition_gives_nothing_and_is_read_anew() -> None:
    """Else what was dropped when its commit was refused would be skipped."""
    held = holding(P, Q)
    held.give(P, 0, 100)
    held.give(Q, 0, 7)
    held.forfeit([P])
    assert held.owned == {Q}
    assert not held.give(P, 100, 150)
    assert not held.may_commit(P, 100)
    assert held.assign([P, Q], unbroken=True) == {Q: 7}
    assert held.give(P, 0, 10)


def test_an_offset_beyond_what_was_given_is_not_committed() -> None:
    held = holding(P)
    held.give(P, 10, 20)
    assert not held.may_commit(P, 21)
    assert not held.may_commit(P, 9)


def test_a_rewound_partition_goes_on_there_and_all_it_gave_may_be_committed() -> None:
    held = holding(P)
    held.give(P, 10, 20)
    assert held.rewind(P, 5)
    assert held.following(P) == 5
    assert held.may_commit(P, 20)
    assert held.may_commit(P, 5)
    assert not held.rewind(Q, 5)


def test_all_is_settled_once_the_last_given_is_committed() -> None:
    held = holding(P, Q)
    settled = [held.are_settled()]
    held.give(P, 0, 3)
    held.give(Q, 7, 9)
    held.settle({P: 3})
    settled.append(held.are_settled())
    held.settle({Q: 9})
    settled.append(held.are_settled())
    held.give(P, 3, 4)
    settled.append(held.are_settled())
    assert settled == [True, False, True, False]


@given(st.lists(st.integers(1, 5), min_size=1, max_size=20), st.integers(0, 200))
def test_every_offset_up_to_the_next_may_be_committed_and_no_other(
    sizes: list[int], start: int
) -> None:
    held = holding(P)
    at = start
    for size in sizes:
        held.give(P, at, at + size)
        at += size
    allowed = [offset for offset in range(at + 5) if held.may_commit(P, offset)]
    assert allowed == list(range(start, at + 1))
    assert held.following(P) == at


def test_a_life_follows_on_its_last_round_and_on_no_other() -> None:
    before = Life("m-1", 4)
    assert Life("m-1", 5).follows(before)
    assert Life("m-1", 4).follows(before), "the group may answer without a new round"
    assert not Life("m-1", 6).follows(before)
    assert not Life("m-2", 5).follows(before)
    assert not Life("", -1).follows(Life())
