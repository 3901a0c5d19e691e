"""Which offsets a member may commit: those of the span it was given since it was assigned."""

from hypothesis import given
from hypothesis import strategies as st

from sfm_events.ports import Partition
from sfm_events.transports.kafka_holdings import Holdings

P, Q = Partition("t", 0), Partition("t", 1)


def holding(*partitions: Partition) -> Holdings:
    made = Holdings()
    made.assign(partitions)
    return made


def test_nothing_is_committed_of_a_partition_that_is_not_owned() -> None:
    held = holding(P)
    held.give(P, 0, 5)
    assert held.may_commit(P, 5)
    assert not held.may_commit(Q, 5)


def test_nothing_is_committed_of_a_partition_of_which_nothing_was_given() -> None:
    assert not holding(P).may_commit(P, 0)


def test_what_was_given_before_a_new_assignment_is_not_committed_after_it() -> None:
    held = holding(P)
    held.give(P, 0, 100)
    held.assign([P])
    assert not held.may_commit(P, 100)
    held.give(P, 200, 250)
    assert not held.may_commit(P, 100)
    assert held.may_commit(P, 250)


def test_an_offset_beyond_what_was_given_is_not_committed() -> None:
    held = holding(P)
    held.give(P, 10, 20)
    assert not held.may_commit(P, 21)
    assert not held.may_commit(P, 9)


def test_records_that_are_given_again_may_be_committed() -> None:
    held = holding(P)
    held.give(P, 10, 20)
    held.rewind(P, 5)
    held.give(P, 5, 8)
    assert held.may_commit(P, 6)


def test_all_is_settled_once_the_last_given_is_committed() -> None:
    held = holding(P, Q)
    assert held.are_settled()
    held.give(P, 0, 3)
    held.give(Q, 7, 9)
    held.settle({P: 3})
    assert not held.are_settled()
    held.settle({Q: 9})
    assert held.are_settled()
    held.give(P, 3, 4)
    assert not held.are_settled()


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
    assert held.next_of(P) == at
