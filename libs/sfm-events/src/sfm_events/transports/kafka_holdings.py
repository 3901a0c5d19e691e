"""What a member of a group has in hand, and which offsets it may still commit."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import final

from sfm_events.ports import Partition


@dataclass(slots=True)
class _Span:
    """What was given of one partition without a break in its ownership."""

    first: int
    following: int
    """Where the next record is to begin."""
    end: int
    """Behind the last record that was ever given."""
    committed: int


@final
class Holdings:
    """The partitions of one member and, per partition, the span of offsets it was given.

    Only an offset within that span may be committed: an older one is of a time when the
    partition was this member's before, and others may have read on since. A partition whose
    commit was refused is forfeited: it gives nothing and takes no commit until the group has
    assigned it anew.
    """

    def __init__(self) -> None:
        self._owned: frozenset[Partition] = frozenset()
        self._spans: dict[Partition, _Span] = {}
        self._forfeited: set[Partition] = set()

    @property
    def owned(self) -> frozenset[Partition]:
        return self._owned - self._forfeited

    def assign(
        self, partitions: Collection[Partition], *, unbroken: bool
    ) -> Mapping[Partition, int]:
        """A new assignment; with where to go on in those partitions that stayed.

        `unbroken`: no other member can have had those that were owned before as well. The others
        go on from what was committed.
        """
        stayed = self.owned.intersection(partitions) if unbroken else frozenset[Partition]()
        self._spans = {p: span for p, span in self._spans.items() if p in stayed}
        self._owned = frozenset(partitions)
        self._forfeited.clear()
        return {partition: span.following for partition, span in self._spans.items()}

    def forfeit(self, partitions: Collection[Partition]) -> None:
        self._forfeited |= self._owned.intersection(partitions)
        for partition in self._forfeited:
            self._spans.pop(partition, None)

    def give(self, partition: Partition, first: int, behind: int) -> bool:
        """Records from `first` on, up to and without `behind`, go to who handles them; false:
        they must not.
        """
        if partition not in self.owned:
            return False
        span = self._spans.setdefault(partition, _Span(first, first, first, first))
        span.first = min(span.first, first)
        span.following = behind
        span.end = max(span.end, behind)
        return True

    def rewind(self, partition: Partition, offset: int) -> bool:
        """False: it is not owned."""
        return self.give(partition, offset, offset)

    def following(self, partition: Partition) -> int | None:
        """Where its next record is to begin; None when that is not known here."""
        span = self._spans.get(partition)
        return None if span is None else span.following

    def may_commit(self, partition: Partition, offset: int) -> bool:
        span = self._spans.get(partition)
        return span is not None and span.first <= offset <= span.end

    def settle(self, nexts: Mapping[Partition, int]) -> None:
        for partition, offset in nexts.items():
            if partition in self._spans:
                self._spans[partition].committed = offset

    def are_settled(self) -> bool:
        """Whether all that was given has been committed."""
        return all(span.committed >= span.following for span in self._spans.values())
