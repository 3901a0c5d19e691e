"""How a batch is taken apart until what can never succeed stands alone."""

from collections import deque
from collections.abc import Collection, Sequence
from typing import final

from sfm_events.ports import Delivered, Partition, Poison

type _Segment = list[Delivered]
type _Chain = deque[_Segment]
"""Segments that must be tried one after the other: they are of one key."""


@final
class Settling:
    """Which records are tried together next: all at first, and of a batch that fails, halves.

    Halves are of different keys as long as there are several, so that none waits for another;
    those of one key stay in order. Smaller parts come after the larger ones that are still to be
    tried: what is good gets done before what is suspected, about 2 log2(n) tries for one offender
    among n records.
    """

    def __init__(self, batch: Sequence[Delivered]) -> None:
        self._chains: deque[_Chain] = deque()
        if batch:
            self._chains.append(deque([list(batch)]))

    @property
    def is_done(self) -> bool:
        return not self._chains

    def following(self) -> Sequence[Delivered]:
        """What to try next; the same until it is said what came of it."""
        return self._chains[0][0]

    def handled(self) -> Sequence[Delivered]:
        """Those of `following` are done."""
        chain = self._chains.popleft()
        done = chain.popleft()
        if chain:
            self._chains.append(chain)
        return done

    def poisoned(self, poison: Poison) -> Sequence[tuple[Delivered, str]]:
        """Some of `following` are at fault: those of which it is certain, with reasons.

        They are done; the others are tried again, in smaller parts when none is certain.
        """
        chain = self._chains.popleft()
        tried = chain.popleft()
        certain = {i: why for i, why in poison.offenders.items() if 0 <= i < len(tried)}
        if len(tried) == 1:
            certain = certain or {0: poison.detail}
        if certain:
            rest = [one for i, one in enumerate(tried) if i not in certain]
            if rest:
                chain.appendleft(rest)
            if chain:
                self._chains.appendleft(chain)
            return [(tried[i], why) for i, why in sorted(certain.items())]
        self._split(tried, chain)
        return ()

    def drop(self, lost: Collection[Partition]) -> None:
        """Forget the records of partitions that are another's now."""
        chains = self._chains
        self._chains = deque()
        for chain in chains:
            kept = [[one for one in part if one.record.partition not in lost] for part in chain]
            left = deque(part for part in kept if part)
            if left:
                self._chains.append(left)

    def _split(self, tried: _Segment, chain: _Chain) -> None:
        keys = list(dict.fromkeys(_key(one) for one in tried))
        if len(keys) > 1:  # then nothing else is in the chain
            first = set(keys[: len(keys) // 2])
            halves = (
                [one for one in tried if _key(one) in first],
                [one for one in tried if _key(one) not in first],
            )
            self._chains.extend(deque([half]) for half in halves)
            return
        middle = len(tried) // 2
        chain.extendleft((tried[middle:], tried[:middle]))
        self._chains.append(chain)


def _key(one: Delivered) -> tuple[Partition, bytes | None]:
    return one.record.partition, one.record.key
