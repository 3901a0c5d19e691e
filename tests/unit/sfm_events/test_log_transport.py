"""The log as a transport, over the twin: who reads, and for how long."""

import anyio
import pytest

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_groups import InMemoryLogGroups
from sfm_core.errors import Unavailable
from sfm_core.testing.writes import an_upsert
from sfm_events.testing.contracts import nexts, taken
from sfm_events.transports.postgres import PostgresTransport, ReaderPolicy

SESSION_S = 0.15


async def transport_over(count: int) -> tuple[PostgresTransport, InMemoryLogGroups]:
    store = InMemoryStore()
    for place in range(count):
        await store.apply("a", [an_upsert(str(place))])
    groups = InMemoryLogGroups(store)
    return PostgresTransport(groups, policy=ReaderPolicy(session_s=SESSION_S, poll_s=0.01)), groups


async def test_a_batch_that_takes_longer_than_a_session_is_not_taken_away() -> None:
    transport, _ = await transport_over(3)
    async with transport.source("g") as busy, transport.source("g") as waiting:
        held = await taken(busy, 3)
        assert await waiting.fetch(limit=10, wait_s=SESSION_S * 4) == {}
        assert await busy.commit(nexts(held)) == set()


async def test_a_member_that_left_is_not_heard_of_again() -> None:
    transport, _ = await transport_over(1)
    async with transport.source("g") as first:
        await taken(first, 1)
    async with transport.source("g") as second:
        with anyio.fail_after(SESSION_S):
            assert len(await taken(second, 1)) == 1


async def test_a_store_that_is_away_for_a_beat_costs_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    transport, groups = await transport_over(2)
    async with transport.source("g") as source:
        held = await taken(source, 2)
        heard, sound = anyio.Event(), groups.claim

        async def away(*_: object, **__: object) -> int | None:
            heard.set()
            raise Unavailable("the record store does not answer")

        monkeypatch.setattr(groups, "claim", away)
        with anyio.fail_after(5):
            await heard.wait()
        monkeypatch.setattr(groups, "claim", sound)
        assert await source.commit(nexts(held)) == set()
