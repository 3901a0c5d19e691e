"""What is stored is in the vector index, or owed to it and said to be."""

from collections.abc import Awaitable, Callable

import anyio
import anyio.lowlevel
import pytest

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.errors import InvalidInput, NotFound, Unavailable, VectorIndexUnavailable
from sfm_core.factory import IN_MEMORY, open_runtime
from sfm_core.model import BatchStored, DeletedMany, Stored, Wait, Written
from sfm_core.runtime.core_settings import CoreSettings
from sfm_core.runtime.secret import Secret
from sfm_core.system import MemorySystem
from sfm_core.testing.fakes import RecordingTelemetry
from sfm_core.testing.vectors import FlakyVectors

NS = "acme"
SETTINGS = CoreSettings(postgres_url=Secret(IN_MEMORY), embedder="hash")
TEA = {"said": "green tea"}


@pytest.fixture
def vectors() -> FlakyVectors:
    return FlakyVectors()


@pytest.fixture
def telemetry() -> RecordingTelemetry:
    return RecordingTelemetry()


def opened(vectors: FlakyVectors, telemetry: RecordingTelemetry | None = None) -> MemorySystem:
    return MemorySystem(NS, open_runtime(SETTINGS, vectors=vectors, telemetry=telemetry))


async def marks(vectors: FlakyVectors) -> list[tuple[int, bool]]:
    """(position, deleted) of the points."""
    found = await vectors.inner.positions(NS, after=None, limit=100)
    return sorted((position, deleted) for _, position, deleted in found)


async def owed(memory: MemorySystem) -> tuple[int, int]:
    stats = await memory.stats()
    return int(str(stats["wal"])), int(str(stats["pending_index"]))


async def test_every_kind_of_write_is_in_the_index_when_it_is_answered(
    vectors: FlakyVectors,
) -> None:
    async with opened(vectors) as memory:
        first = await memory.store((1,), TEA)
        assert first.indexed
        assert await marks(vectors) == [(first.position, False)]
        patched = await memory.patch((1,), payload={"more": 1})
        assert await marks(vectors) == [(patched.position, False)]
        ended = await memory.delete((1,))
        assert await marks(vectors) == [(ended.position, True)]
        back = await memory.restore((1,), 1)
        assert await marks(vectors) == [(back.position, False)]
        batch = await memory.store_many([{"payload": TEA, "coordinate": [n]} for n in range(5, 8)])
        assert batch.indexed
        assert len(await marks(vectors)) == 4
        await memory.delete_many(all=True)
        assert [deleted for _, deleted in await marks(vectors)] == [True] * 4
        assert await owed(memory) == (0, 0)


type Write = Callable[[MemorySystem], Awaitable[object]]
WRITES: dict[str, tuple[Write, type]] = {
    "store": (lambda memory: memory.store((1,), {"said": "black tea"}), Stored),
    "remember": (lambda memory: memory.remember({"said": "black tea"}), Stored),
    "patch": (lambda memory: memory.patch((1,), pinned=True), Stored),
    "restore": (lambda memory: memory.restore((1,), 1), Stored),
    "delete": (lambda memory: memory.delete((1,)), Written),
    "store_many": (lambda memory: memory.store_many([{"payload": {"n": 1}}]), BatchStored),
    "delete_many": (lambda memory: memory.delete_many([(1,)]), DeletedMany),
}


@pytest.mark.parametrize("name", WRITES)
async def test_what_the_index_does_not_take_is_stored_owed_and_said(
    vectors: FlakyVectors, telemetry: RecordingTelemetry, name: str
) -> None:
    async with opened(vectors, telemetry) as memory:
        write, answer = WRITES[name]
        before = await memory.store((1,), TEA)
        vectors.is_down = True
        with pytest.raises(VectorIndexUnavailable) as said:
            await write(memory)
        assert isinstance(said.value.outcome, answer)
        position = said.value.context["position"]
        assert isinstance(position, int)
        assert position > before.position
        assert await owed(memory) == (1, 1)
        assert ("vector_store_missed_total", 1.0, {}) in telemetry.counted
        [event] = (await memory.events(after=before.position)).events
        assert event.position == position


async def test_the_failure_says_where_what_is_durable_lies(vectors: FlakyVectors) -> None:
    async with opened(vectors) as memory:
        vectors.is_down = True
        with pytest.raises(VectorIndexUnavailable) as said:
            await memory.store((1, 2.5), TEA)
        stored = said.value.outcome
        assert isinstance(stored, Stored)
        assert not stored.indexed
        assert said.value.context == {
            "coordinate": "1,2.5",
            "version": 1,
            "position": stored.position,
        }
        assert (await memory.get((1, 2.5))).version == 1


async def test_who_does_not_wait_is_answered_and_the_index_follows(vectors: FlakyVectors) -> None:
    async with opened(vectors) as memory:
        stored = await memory.store((1,), TEA, wait="durable")
        assert not stored.indexed
    # what was begun has come to its end
    assert await marks(vectors) == [(stored.position, False)]


async def test_who_does_not_wait_is_told_nothing_of_an_index_that_is_away(
    vectors: FlakyVectors,
) -> None:
    async with opened(vectors) as memory:
        await memory.store((1,), TEA)
        vectors.is_down = True
        await memory.store_many([{"payload": TEA, "coordinate": [2]}], wait=Wait.DURABLE)
        await memory.delete((1,), wait=Wait.DURABLE)
        with anyio.fail_after(5):
            while await owed(memory) != (2, 2):
                await anyio.lowlevel.checkpoint()


async def test_another_wait_is_refused_and_nothing_stored(vectors: FlakyVectors) -> None:
    async with opened(vectors) as memory:
        with pytest.raises(InvalidInput, match="indexed or durable"):
            await memory.store((1,), TEA, wait="for ever")
        with pytest.raises(NotFound):
            await memory.get((1,))


@pytest.mark.parametrize("name", ["store", "store_many", "delete_many", "delete", "patch"])
async def test_a_repeat_with_the_key_replays_the_outcome_and_indexes_it(
    vectors: FlakyVectors, name: str
) -> None:
    async with opened(vectors) as memory:
        writes: dict[str, Write] = {
            "store": lambda m: m.store((1,), {"said": "oolong"}, idempotency_key="k"),
            "store_many": lambda m: m.store_many([{"payload": TEA}] * 2, idempotency_key="k"),
            "delete_many": lambda m: m.delete_many([(1,)], idempotency_key="k"),
            "delete": lambda m: m.delete((1,), idempotency_key="k"),
            "patch": lambda m: m.patch((1,), pinned=True, idempotency_key="k"),
        }
        await memory.store((1,), TEA)
        vectors.is_down = True
        with pytest.raises(VectorIndexUnavailable):
            await writes[name](memory)
        with pytest.raises(VectorIndexUnavailable) as said:
            await writes[name](memory)
        wal, _ = await owed(memory)
        assert wal == 1
        vectors.is_down = False
        answer = await writes[name](memory)
        assert isinstance(answer, Stored | Written | BatchStored | DeletedMany)
        assert answer.replayed
        assert answer.indexed
        assert answer.position == said.value.context["position"]
        assert await owed(memory) == (0, 0)
        assert max(position for position, _ in await marks(vectors)) == answer.position


async def test_the_same_memory_again_without_a_key_is_indexed_too(vectors: FlakyVectors) -> None:
    async with opened(vectors) as memory:
        vectors.is_down = True
        with pytest.raises(VectorIndexUnavailable):
            await memory.remember(TEA)
        vectors.is_down = False
        again = await memory.remember(TEA)
        assert again.deduplicated
        assert await marks(vectors) == [(again.position, False)]
        assert await owed(memory) == (0, 0)


async def test_of_a_batch_each_item_says_whether_it_is_indexed(vectors: FlakyVectors) -> None:
    async with opened(vectors) as memory:
        vectors.is_down = True
        with pytest.raises(VectorIndexUnavailable) as said:
            await memory.store_many([{"payload": TEA}, {"payload": "none"}])
        batch = said.value.outcome
        assert isinstance(batch, BatchStored)
        good, bad = batch.results
        assert isinstance(good, Stored)
        assert not good.indexed
        assert isinstance(bad, InvalidInput)
        assert said.value.context == {"position": good.position}


async def test_an_erasure_takes_the_points_along_or_says_that_it_could_not(
    vectors: FlakyVectors,
) -> None:
    async with opened(vectors) as memory:
        await memory.store((1,), TEA)
        receipt = await memory.erase()
        [store] = [one for one in receipt.stores if one.store == "vector_store"]
        assert (store.removed, store.left) == (1, 0)
        await memory.store((1,), TEA)
        vectors.is_down = True
        receipt = await memory.erase()
        [store] = [one for one in receipt.stores if one.store == "vector_store"]
        assert (store.removed, store.left) == (0, None)


async def test_an_import_goes_on_without_the_index(vectors: FlakyVectors) -> None:
    async with opened(vectors) as memory:
        await memory.store((1,), TEA)
        lines = b"".join([piece async for piece in memory.export()])
        await memory.erase()
        vectors.is_down = True

        async for _ in memory.import_lines([lines]):
            pass
        assert (await memory.get((1,))).draft.payload == TEA
        assert await owed(memory) == (1, 1)


async def test_a_replay_whose_memory_cannot_be_looked_at_is_not_called_indexed(
    vectors: FlakyVectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise Unavailable("the record store does not answer")

    async with opened(vectors) as memory:
        await memory.store((1,), TEA, idempotency_key="k")
        monkeypatch.setattr(InMemoryStore, "view_rows", away)
        with pytest.raises(VectorIndexUnavailable):
            await memory.store((1,), TEA, idempotency_key="k")
        monkeypatch.undo()
        again = await memory.store((1,), TEA, idempotency_key="k")
        assert again.replayed
        assert again.indexed
