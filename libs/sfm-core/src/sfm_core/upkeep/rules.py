"""What fades and what goes first: pure rules.

Age is the time since a memory's `since`: the later of when it happened and when somebody last
said it (`docs/adr/115`). Decay leaves `since` alone, so that levels follow each other; a
restore is a saying, so that what was brought back stays.
"""

import heapq
import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sfm_core.model import Aging, MemoryDraft, Standing

type Weighed = tuple[float, Standing]
"""A memory with its importance norm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """From this age on these payload keys are gone."""

    age: timedelta
    keys: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecayPolicy:
    levels: tuple[Level, ...] = ()
    """By age; none: nothing decays."""
    protect_above: float = math.inf
    """A memory of greater importance does not decay."""
    required: frozenset[str] = field(default_factory=frozenset)
    """Keys that never go."""

    @property
    def keys(self) -> frozenset[str]:
        """Every key that may go."""
        return frozenset[str]().union(*(level.keys for level in self.levels)) - self.required

    @property
    def first_age(self) -> timedelta | None:
        """The age below which nothing decays; None: nothing ever does."""
        return min((level.age for level in self.levels), default=None) if self.keys else None


def fading(policy: DecayPolicy, aging: Aging, now: datetime) -> tuple[str, ...]:
    """The keys of an unpinned memory that are to go by `now`, sorted; a level's age is in it."""
    if aging.importance > policy.protect_above:
        return ()
    age = now - aging.since
    gone = frozenset[str]().union(*(level.keys for level in policy.levels if age >= level.age))
    return tuple(sorted((aging.keys & gone) - policy.required))


def without(draft: MemoryDraft, keys: Iterable[str]) -> MemoryDraft:
    """The draft when these keys of its payload are gone; the others keep their order."""
    gone = frozenset(keys)
    payload = {key: value for key, value in draft.payload.items() if key not in gone}
    return replace(draft, payload=payload)


def first_to_go(weighed: Iterable[Weighed], count: int) -> list[Weighed]:
    """The `count` lowest by (importance norm, last access, age: the oldest first), in this order.

    What is still equal goes by coordinate, so that every process chooses alike. Holds `count`
    of them at a time.
    """
    return heapq.nsmallest(count, weighed, key=_rank)


def _rank(weighed: Weighed) -> tuple[float, datetime, datetime, str]:
    norm, standing = weighed
    return norm, standing.last_at, standing.since, standing.coordinate.text
