"""Events that come five times and in any order leave what the plain history leaves."""

import random
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import pytest

from sfm_core.coordinates import Coordinate
from sfm_core.model import EventType
from sfm_events.ports import Delivered
from tests.differential.pipeline import NAMESPACE, Erasure, Foreign, Own, Pipeline, Step
from tests.servers.events import a_link, foreign

HISTORIES: Final = 1000
PORTIONS: Final = 10
TIMES: Final = 5
_OWN: Final = ("store", "store", "delete", "restore", "link")
_SAYINGS: Final = (
    *(EventType.CREATED, EventType.UPDATED, EventType.UPDATED),
    *(EventType.RESTORED, EventType.DECAYED),
)
_ENDS: Final = (EventType.DELETED, EventType.EXPIRED)
_FIRST: Final = tuple(Own("store", Coordinate(place), 0) for place in ("1", "8", "9"))
"""What every life of the namespace begins with; 8 and 9 live as long as it does."""


class Author:
    """Makes up histories.

    Places 1 to 3 are ours, 3 is other producers' too. 4 and 5 are of producers that say versions,
    as is the link from 8 to 9: their events take effect in any order. Without versions, at 3, 6
    and 7, the order in which events first come counts, which the transport keeps for each memory.
    """

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._version = 0

    def history(self) -> list[Step]:
        steps: list[Step] = [*_FIRST]
        for _ in range(self._chance.randint(3, 9)):
            pick = self._chance.random()
            if pick < 0.35:
                steps += self._own(Coordinate(str(self._chance.randint(1, 3))))
            elif pick < 0.65:
                self._version += self._chance.randint(1, 2)
                steps.append(self._versioned())
            elif pick < 0.92:
                place = Coordinate(self._chance.choice("367"))
                steps.append(self._of_memory(place, None))
            else:
                self._version = 0
                steps += [Erasure(), *_FIRST]
        return steps

    def _own(self, place: Coordinate) -> list[Step]:
        what, said = self._chance.choice(_OWN), self._chance.randrange(5)
        if what in ("delete", "link"):  # of something that is there
            return [Own("store", place, said), Own(what, place, said)]
        return [Own(what, place, said)]

    def _versioned(self) -> Foreign:
        if self._chance.random() < 0.25:
            kind = self._chance.choice((EventType.LINKED, EventType.UNLINKED))
            link = a_link(Coordinate("8"), Coordinate("9"), self._chance.random() + 0.5)
            return self._named(kind, link=link, version=self._version)
        return self._of_memory(Coordinate(self._chance.choice("45")), self._version)

    def _of_memory(self, place: Coordinate, version: int | None) -> Foreign:
        about = {"coordinate": place, "version": version}
        if self._chance.random() < 0.25:
            return self._named(self._chance.choice(_ENDS), **about)
        said = {"said": f"other words {self._chance.randrange(5)}"}
        return self._named(self._chance.choice(_SAYINGS), **about, payload=said)

    def _named(self, kind: EventType, **said: Any) -> Foreign:
        name = UUID(int=self._chance.getrandbits(128))
        return Foreign(foreign(kind, event_id=name, namespace=NAMESPACE, **said))


async def lived_plainly(history: Sequence[Step]) -> Pipeline:
    """Each event once, as it comes."""
    pipeline = Pipeline()
    for step in history:
        batch = await pipeline.live_through(step)
        while batch:
            await pipeline.write(batch)
            await pipeline.index(batch)
            batch = pipeline.relay()
    return pipeline


class Shuffling:
    """A pipeline in which each event comes `TIMES` times, to each consumer, whenever."""

    def __init__(self, chance: random.Random) -> None:
        self.pipeline = Pipeline()
        self._chance = chance
        self._to_write: list[Delivered] = []
        self._to_index: list[Delivered] = []

    async def live_through(self, history: Sequence[Step]) -> None:
        for step in history:
            await self._arrive(await self.pipeline.live_through(step))
            if self._chance.random() < 0.4:
                await self._deliver(self._chance.random())
            if self._chance.random() < 0.3:
                await self.pipeline.follow()
        while self._to_write or self._to_index:
            await self._deliver(1.0)

    async def _arrive(self, batch: Sequence[Delivered]) -> None:
        for one in batch:
            if not one.event.is_canonical and one.event.version is None:
                await self.pipeline.write([one])
        self._to_write += [*batch] * TIMES
        self._to_index += [*batch] * TIMES

    async def _deliver(self, share: float) -> None:
        """A share of what waits, in two batches for each consumer."""
        for waiting, consume in (
            (self._to_write, self.pipeline.write),
            (self._to_index, self.pipeline.index),
        ):
            self._chance.shuffle(waiting)
            batch = [waiting.pop() for _ in range(round(len(waiting) * share))]
            middle = self._chance.randint(0, len(batch))
            await consume(batch[:middle])
            await consume(batch[middle:])
        await self._arrive(self.pipeline.relay())


async def check_history(seed: int) -> None:
    chance = random.Random(seed)
    history = Author(chance).history()
    plain = await lived_plainly(history)
    shuffling = Shuffling(chance)
    await shuffling.live_through(history)
    shuffled = shuffling.pipeline
    assert shuffled.state() == plain.state(), f"seed {seed}"
    await plain.check_projections()
    await shuffled.check_projections()


@pytest.mark.parametrize("portion", range(PORTIONS))
async def test_events_five_times_and_in_any_order_leave_what_the_plain_history_leaves(
    portion: int,
) -> None:
    for seed in range(portion, HISTORIES, PORTIONS):
        await check_history(seed)


@pytest.mark.parametrize("end", ["delete", "erase"])
async def test_a_replay_from_the_start_does_not_bring_back_what_ended(end: str) -> None:
    pipeline = Pipeline()
    memory, ours = Coordinate("4"), Coordinate("1")
    steps: list[Step] = [
        Own("store", ours, 1),
        Foreign(foreign(coordinate=memory, payload={"said": "theirs"})),
        Foreign(foreign(coordinate=Coordinate("5"), payload={"said": "versioned"}, version=3)),
    ]
    topic: list[Delivered] = []
    for step in steps:
        topic += await pipeline.live_through(step)
    ends: list[Step] = [Erasure()]
    if end == "delete":
        ends = [
            Own("delete", ours, 0),
            Foreign(foreign(EventType.DELETED, coordinate=memory)),
            Foreign(foreign(EventType.DELETED, coordinate=Coordinate("5"))),
        ]
    await pipeline.write(topic)
    topic += pipeline.relay()
    for step in ends:
        topic += await pipeline.live_through(step)
    for _ in range(2):  # the second time from offset 0
        for one in list(topic):
            await pipeline.write([one])
            topic += pipeline.relay()
            await pipeline.index([one])
    assert not any(row.live for row in pipeline.store.rows(NAMESPACE))
    await pipeline.check_projections()
