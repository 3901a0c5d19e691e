"""What a member of a group has in hand, and which offsets it may still commit."""

from collections.abc import Collection, Mapping
from typing import final

from sfm_events.ports import Partition


@final
class Holdings:
    """The partitions of one member and, per partition, the span of offsets it was given.

    Only an offset within the span given since the last assignment may be committed: an older
    one is of a time when the partition was this member's before, and others may have read on
    since.
    """

    def __init__(self) -> None:
        self._owned: frozenset[Partition] = frozenset()
        self._spans: dict[Partition, tuple[int, int]] = {}
        self._settled: dict[Partition, int] = {}

    @property
    def owned(self) -> frozenset[Partition]:
        return self._owned

    def assign(self, partitions: Collection[Partition]) -> None:
        self._owned = frozenset(partitions)
        self._spans.clear()
        self._settled.clear()

    def give(self, partition: Partition, first: int, behind: int) -> None:
        """Records from `first` on, up to and without `behind`, go to who handles them."""
        start, _ = self._spans.get(partition, (first, first))
        self._spans[partition] = (min(start, first), behind)

    def rewind(self, partition: Partition, offset: int) -> None:
        start, behind = self._spans.get(partition, (offset, offset))
        self._spans[partition] = (min(start, offset), behind)

    def next_of(self, partition: Partition) -> int | None:
        """Behind the last record given; None when none was."""
        span = self._spans.get(partition)
        return None if span is None else span[1]

    def may_commit(self, partition: Partition, offset: int) -> bool:
        start, behind = self._spans.get(partition, (1, 0))
        return partition in self._owned and start <= offset <= behind

    def settle(self, nexts: Mapping[Partition, int]) -> None:
        self._settled.update(nexts)

    def are_settled(self) -> bool:
        """Whether all that was given has been committed."""
        return all(
            self._settled.get(partition, start) >= behind
            for partition, (start, behind) in self._spans.items()
        )
