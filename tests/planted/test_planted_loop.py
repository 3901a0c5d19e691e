"""Commit before the effect, auto-commit, dead letters in an outage: the histories catch each."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from sfm_core.errors import Unavailable
from sfm_events.loop import ConsumerLoop
from sfm_events.ports import Partition, Poison, Record
from sfm_events.transports.inmemory import InMemorySource
from tests.unit.sfm_events.consumers import Effects
from tests.unit.sfm_events.histories import check_histories

HISTORIES = 12


def commit_before_the_effect(patch: pytest.MonkeyPatch) -> None:
    sound = ConsumerLoop._settle

    async def settle(loop: ConsumerLoop, batch: Sequence[Record], *rest: Any) -> bool:
        loop._note(batch, {(record.partition, record.offset) for record in batch})
        await loop._commit()
        return await sound(loop, batch, *rest)

    patch.setattr(ConsumerLoop, "_settle", settle)


def auto_commit(patch: pytest.MonkeyPatch) -> None:
    sound = InMemorySource.fetch

    async def fetch(
        source: InMemorySource, *, limit: int, wait_s: float
    ) -> Mapping[Partition, Sequence[Record]]:
        found = await sound(source, limit=limit, wait_s=wait_s)
        await source.commit({part: records[-1].offset + 1 for part, records in found.items()})
        return found

    patch.setattr(InMemorySource, "fetch", fetch)


def dead_letters_in_an_outage(patch: pytest.MonkeyPatch) -> None:
    sound = Effects.handle

    async def handle(effects: Effects, events: Any) -> None:
        try:
            await sound(effects, events)
        except Unavailable as error:
            raise Poison(error.detail) from error

    patch.setattr(Effects, "handle", handle)


def an_outage_taken_for_poison(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("sfm_events.loop.is_outage", lambda _: False)


PLANTED: Mapping[str, tuple[Callable[[pytest.MonkeyPatch], None], str]] = {
    "commit before the effect": (commit_before_the_effect, "too early"),
    "auto-commit": (auto_commit, "too early"),
    "an outage taken for poison": (an_outage_taken_for_poison, "dead letters"),
    "dead letters in an outage": (dead_letters_in_an_outage, "dead letters"),
}


@pytest.mark.parametrize("name", PLANTED)
async def test_a_loop_that_is_wrong_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, told = PLANTED[name]
    plant(monkeypatch)
    with pytest.raises(AssertionError, match=told):
        await check_histories(HISTORIES)
