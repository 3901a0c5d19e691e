"""What would happen now: found page by page, holding no more than one run's effects."""

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final, final

import numpy as np

from sfm_core.coordinates import Coordinate
from sfm_core.importance import RESERVOIR, Normaliser
from sfm_core.model import Effect, EffectKind, Standing
from sfm_core.offload import off_loop
from sfm_core.ports import ChangeFeed, UpkeepRows
from sfm_core.upkeep.rules import DecayPolicy, Weighed, fading, first_to_go

MAX_EFFECTS: Final = 500
"""Of one run; a decay may cost an embedding, and a call has a deadline."""
PAGE: Final = 1000
_LONGEST: Final = timedelta(days=36_500)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpkeepPolicy:
    decay: DecayPolicy = field(default_factory=DecayPolicy)
    max_memories: int = 0
    """Live memories of a namespace; 0: any number."""
    receipt_ttl: timedelta = timedelta(days=7)
    """How long an idempotency key is remembered at least."""


@dataclass(slots=True)
class Plan:
    effects: list[Effect] = field(default_factory=list)
    complete: bool = True
    over_limit: int = 0


@final
class Planner:
    """Plans one run over one namespace as it is at `now`."""

    def __init__(
        self,
        *,
        rows: UpkeepRows,
        feed: ChangeFeed,
        policy: UpkeepPolicy,
        namespace: str,
        now: datetime,
    ) -> None:
        self._rows = rows
        self._feed = feed
        self._policy = policy
        self._namespace = namespace
        self._now = now
        self._plan = Plan()

    async def plan(self) -> Plan:
        """What expires, what is pruned (the first to go first), what decays; no memory twice.

        Raises:
            Unavailable: the store does not answer.
        """
        await self._expire()
        if self._policy.max_memories and self._plan.complete:
            await self._prune()
        if self._plan.complete:
            await self._decay()
        return self._plan

    @property
    def _room(self) -> int:
        return MAX_EFFECTS - len(self._plan.effects)

    async def _expire(self) -> None:
        due = await self._rows.expired(self._namespace, now=self._now, limit=self._room + 1)
        self._plan.complete = len(due) <= self._room
        self._plan.effects += [
            Effect(coordinate=one.coordinate, version=one.version, kind=EffectKind.EXPIRED)
            for one in due[: self._room]
        ]

    async def _prune(self) -> None:
        count = await self._rows.count(self._namespace, now=self._now)
        excess = count - self._policy.max_memories
        if excess <= 0:
            return
        samples, _ = await self._feed.samples(self._namespace, limit=RESERVOIR)
        normaliser = Normaliser.fit([sample.importance for sample in samples])
        wanted = min(excess, self._room)
        worst: list[Weighed] = []
        unpinned = 0
        async for page in self._standings():
            unpinned += len(page)
            worst = await off_loop(partial(_worse, worst, page, normaliser, wanted), when=True)
        self._plan.effects += [
            Effect(coordinate=standing.coordinate, version=standing.version, kind=EffectKind.PRUNED)
            for _, standing in worst
        ]
        self._plan.complete = min(excess, unpinned) <= wanted
        self._plan.over_limit = max(0, excess - unpinned)

    async def _decay(self) -> None:
        first = self._policy.decay.first_age
        if first is None:
            return
        pruned = {effect.coordinate for effect in self._plan.effects}
        async for effect in self._fadings(first, pruned):
            if not self._room:
                self._plan.complete = False
                return
            self._plan.effects.append(effect)

    async def _fadings(
        self, first: timedelta, but: Collection[Coordinate]
    ) -> AsyncIterator[Effect]:
        policy, after = self._policy.decay, None
        while True:
            page = await self._rows.agings(
                self._namespace,
                now=self._now,
                keys=policy.keys,
                since=self._now - min(first, _LONGEST),
                importance=policy.protect_above,
                after=after,
                limit=PAGE,
            )
            for aging in page:
                removed = fading(policy, aging, self._now)
                if removed and aging.coordinate not in but:
                    yield Effect(
                        coordinate=aging.coordinate,
                        version=aging.version,
                        kind=EffectKind.DECAYED,
                        removed=removed,
                    )
            if len(page) < PAGE:
                return
            after = page[-1].coordinate

    async def _standings(self) -> AsyncIterator[list[Standing]]:
        after = None
        while True:
            page = await self._rows.standings(
                self._namespace, now=self._now, after=after, limit=PAGE
            )
            if page:
                yield list(page)
            if len(page) < PAGE:
                return
            after = page[-1].coordinate


def _worse(
    worst: list[Weighed], page: list[Standing], normaliser: Normaliser, count: int
) -> list[Weighed]:
    return first_to_go([*worst, *_weighed(page, normaliser)], count)


def _weighed(page: list[Standing], normaliser: Normaliser) -> list[Weighed]:
    importances = np.array([standing.importance for standing in page], dtype=np.float64)
    norms: list[float] = normaliser.apply(importances).tolist()
    return list(zip(norms, page, strict=True))
