"""The kv-writer over the twins: foreign events become memories, or are refused with a reason."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import numpy as np
import pytest

from sfm_core.adapters.hash_embedder import HashEmbedder
from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_erase import InMemoryEraser
from sfm_core.adapters.inmemory_inbox import InMemoryInbox
from sfm_core.coordinates import event_id, memory_id
from sfm_core.errors import Unavailable
from sfm_core.model import Acceptance, Arrival, EventType, Kind, Memory
from sfm_core.runtime.clock import SystemClock
from sfm_core.testing.fakes import RecordingTelemetry
from sfm_core.testing.writes import an_upsert, at
from sfm_events.event import MemoryEvent
from sfm_events.ports import Poison
from sfm_events.transports.inmemory import InMemoryBroker, InMemoryProducer
from sfm_kv_writer.arrivals import place_of
from sfm_kv_writer.handler import KvWriter
from tests.servers.events import a_link, delivered, foreign, published

INFO = HashEmbedder().info
NAMESPACE = "default"
NOWHERE = InMemoryProducer(InMemoryBroker())


class Harness:
    def __init__(self) -> None:
        self.store = InMemoryStore()
        self.telemetry = RecordingTelemetry()
        self.writer = KvWriter(
            inbox=InMemoryInbox(self.store),
            info=INFO,
            producer=NOWHERE,
            clock=SystemClock(),
            link_wait_s=0.0,
            telemetry=self.telemetry,
        )

    async def handle(self, *events: MemoryEvent) -> None:
        await self.writer.handle([delivered(event) for event in events])

    def memories(self, namespace: str = NAMESPACE) -> dict[str, Memory]:
        return {memory.coordinate.text: memory for memory in self.store.live(namespace)}

    def accepted(self) -> list[str]:
        return [labels["acceptance"] for _, _, labels in self.telemetry.counted]


@pytest.fixture
def harness() -> Harness:
    return Harness()


async def test_an_event_with_a_place_is_a_memory_there(harness: Harness) -> None:
    said = foreign(
        coordinate=at("1,2"),
        payload={"a": 1},
        text="tea at four",
        kind=Kind.SEMANTIC,
        importance=0.5,
        tags=("t",),
        session="s",
        source="w",
        occurred_at=datetime(2024, 1, 2, tzinfo=UTC),
        pinned=True,
    )
    await harness.handle(said)
    memory = harness.memories()["1,2"]
    assert memory.id == memory_id(NAMESPACE, at("1,2"))
    draft = memory.draft
    assert (draft.payload, draft.text, draft.kind) == ({"a": 1}, "tea at four", Kind.SEMANTIC)
    assert (draft.importance, draft.tags, draft.session) == (0.5, ("t",), "s")
    assert (draft.source, draft.pinned) == ("w", True)
    assert (draft.occurred_at, memory.updated_at) == (said.occurred_at, said.at)


async def test_with_the_required_fields_alone_the_id_gives_the_place(harness: Harness) -> None:
    name = UUID("00000001-0000-0002-ffff-fffe00000004")
    await harness.handle(foreign(id=name, payload={"said": "hello"}))
    assert list(harness.memories()) == ["1,2,4294967294,4"]
    assert harness.memories()["1,2,4294967294,4"].text == "hello"
    await harness.handle(foreign(EventType.DELETED, id=name))
    assert harness.memories() == {}


def test_two_ids_never_have_one_place() -> None:
    ids = [UUID(int=1 << bit) for bit in range(128)]
    assert len({place_of(one) for one in ids}) == 128


async def test_an_id_of_ours_names_our_memory(harness: Harness) -> None:
    await harness.store.apply(NAMESPACE, [an_upsert("5")])
    ours = memory_id(NAMESPACE, at("5"))
    await harness.handle(foreign(EventType.UPDATED, id=ours, payload={"said": "again"}))
    memory = harness.memories()["5"]
    assert (memory.version, memory.draft.payload) == (2, {"said": "again"})


async def test_repeats_are_counted_and_change_nothing(harness: Harness) -> None:
    event = foreign(coordinate=at("1"))
    await harness.handle(event, event)
    await harness.handle(event)
    assert harness.memories()["1"].version == 1
    assert harness.accepted() == ["applied", "known", "known"]


async def test_events_of_the_log_ask_nothing_of_the_store() -> None:
    class NoInbox:
        async def accept(
            self, namespace: str, arrivals: Sequence[Arrival], *, now: datetime
        ) -> Sequence[Acceptance]:
            raise AssertionError("asked")

    store, telemetry = InMemoryStore(), RecordingTelemetry()
    await store.apply(NAMESPACE, [an_upsert("1"), an_upsert("2")])
    writer = KvWriter(
        inbox=NoInbox(), info=INFO, producer=NOWHERE, clock=SystemClock(), telemetry=telemetry
    )
    await writer.handle([delivered(event) for event in published(store, NAMESPACE)])
    assert telemetry.counted == [("inbox_events_total", 2, {"acceptance": "own"})]


async def test_a_copy_of_our_event_without_its_generation_is_known(harness: Harness) -> None:
    await harness.store.apply(NAMESPACE, [an_upsert("1")])
    [ours] = published(harness.store, NAMESPACE)
    copied = foreign(EventType.DELETED, event_id=ours.event_id, coordinate=at("1"))
    await harness.handle(copied)
    assert harness.accepted() == ["known"]
    assert harness.memories()


async def test_an_event_cannot_take_the_name_of_one_that_is_still_to_come(
    harness: Harness,
) -> None:
    await harness.store.apply(NAMESPACE, [an_upsert("1")])
    following = event_id(memory_id(NAMESPACE, at("1")), 3, EventType.UPDATED)
    await harness.handle(foreign(EventType.UPDATED, event_id=following, coordinate=at("1")))
    await harness.store.apply(NAMESPACE, [an_upsert("1")])
    names = [event.event_id for event in harness.store.log(NAMESPACE)]
    assert names[2] == following
    assert len(set(names)) == 3
    await harness.handle(foreign(EventType.UPDATED, event_id=following, coordinate=at("1")))
    assert harness.memories()["1"].version == 3


async def test_a_namespace_that_is_held_does_not_stop_the_others() -> None:
    store = InMemoryStore()
    inbox = InMemoryInbox(store)

    class HeldInOne:
        async def accept(
            self, namespace: str, arrivals: Sequence[Arrival], *, now: datetime
        ) -> Sequence[Acceptance]:
            if namespace == "held":
                raise Unavailable("others hold the namespace")
            return await inbox.accept(namespace, arrivals, now=now)

    writer = KvWriter(inbox=HeldInOne(), info=INFO, producer=NOWHERE, clock=SystemClock())
    events = [foreign(namespace=name, coordinate=at("1")) for name in ("held", "free")]
    with pytest.raises(Unavailable):
        await writer.handle([delivered(event) for event in events])
    assert list(store.live("free"))


async def test_the_types_are_kept_in_the_log(harness: Harness) -> None:
    place = {"coordinate": at("1")}
    kinds = [EventType.UPDATED, EventType.RESTORED, EventType.DECAYED, EventType.EXPIRED]
    await harness.handle(*(foreign(kind, **place) for kind in kinds))
    assert [event.type for event in harness.store.log(NAMESPACE)] == [
        EventType.CREATED,  # nothing was there to be updated
        EventType.RESTORED,
        EventType.DECAYED,
        EventType.EXPIRED,
    ]


async def test_what_is_applied_is_in_the_log_under_its_name_for_the_relay(
    harness: Harness,
) -> None:
    event = foreign(coordinate=at("1"), payload={"a": 1})
    await harness.handle(event)
    [told] = published(harness.store, NAMESPACE)
    assert (told.event_id, told.id) == (event.event_id, memory_id(NAMESPACE, at("1")))
    assert told.is_canonical
    await harness.handle(told)
    assert harness.memories()["1"].version == 1


async def test_a_namespace_is_a_transaction_of_its_own(harness: Harness) -> None:
    await harness.handle(
        foreign(coordinate=at("1")),
        foreign(coordinate=at("1"), namespace="other"),
        foreign(coordinate=at("2")),
    )
    assert set(harness.memories()) == {"1", "2"}
    assert set(harness.memories("other")) == {"1"}


async def test_links_join_memories(harness: Harness) -> None:
    link = a_link(at("1"), at("2"), 0.5)
    await harness.handle(
        foreign(coordinate=at("1")),
        foreign(coordinate=at("2")),
        foreign(EventType.LINKED, link=link),
    )
    entries = harness.store.peek(NAMESPACE).links.values()
    assert [(one.live, one.link.weight) for one in entries] == [(True, 0.5)]
    await harness.handle(foreign(EventType.UNLINKED, link=link))
    entries = harness.store.peek(NAMESPACE).links.values()
    assert [one.live for one in entries] == [False]


class TestEmbeddings:
    async def test_one_of_the_model_in_use_is_stored_at_norm_1(self, harness: Harness) -> None:
        [unit] = await HashEmbedder().embed(["tea"])
        given = (unit * np.float32(1.0005)).astype(np.float32)
        event = foreign(coordinate=at("1"), embedding=given, model_revision=INFO.model_revision)
        await harness.handle(event)
        [row] = harness.store.rows(NAMESPACE)
        assert row.revision == INFO.model_revision
        assert row.vector is not None
        assert abs(float(np.linalg.norm(row.vector)) - 1.0) < 1e-6
        assert float(row.vector @ unit) > 0.999999

    @pytest.mark.parametrize(
        ("revision", "dim"), [("another", 3), ("another", INFO.dim), (None, INFO.dim)]
    )
    async def test_one_of_another_model_or_of_none_is_left_to_the_indexer(
        self, harness: Harness, revision: str | None, dim: int
    ) -> None:
        event = foreign(
            coordinate=at("1"), embedding=np.ones(dim, dtype=np.float32), model_revision=revision
        )
        await harness.handle(event)
        [row] = harness.store.rows(NAMESPACE)
        assert (row.vector, row.memory.version) == (None, 1)

    @pytest.mark.parametrize("revision", [None, INFO.model_revision])
    async def test_a_wrong_length_is_refused(self, harness: Harness, revision: str | None) -> None:
        event = foreign(embedding=np.ones(3, dtype=np.float32), model_revision=revision)
        assert await _refused(harness, event) == {
            0: f"/embedding has 3 numbers, the model in use {INFO.dim}"
        }

    @pytest.mark.parametrize("scale", [0.0, 0.5, 1.01])
    async def test_one_that_is_not_of_norm_1_is_refused(
        self, harness: Harness, scale: float
    ) -> None:
        [unit] = await HashEmbedder().embed(["tea"])
        event = foreign(embedding=unit * np.float32(scale), model_revision=INFO.model_revision)
        assert await _refused(harness, event) == {0: f"/embedding is of norm {scale:.4g} and not 1"}


class TestPoison:
    async def test_nobody_else_erases_a_namespace(self, harness: Harness) -> None:
        await harness.handle(foreign(coordinate=at("1")))
        assert await _refused(harness, foreign(EventType.ERASED)) == {
            0: "/type a namespace is erased by its owner, over the API"
        }
        assert harness.memories()

    async def test_a_link_without_an_end_is_refused(self, harness: Harness) -> None:
        await harness.handle(foreign(coordinate=at("1")))
        event = foreign(EventType.LINKED, link=a_link(at("1"), at("9")))
        assert await _refused(harness, event) == {0: "/link no memory lives at 9"}

    async def test_the_offenders_are_named_and_nothing_of_their_batch_is_written(
        self, harness: Harness
    ) -> None:
        good = [foreign(coordinate=at(f"{n}")) for n in range(3)]
        batch = [
            good[0],
            foreign(EventType.ERASED),
            good[1],
            foreign(embedding=np.ones(3, dtype=np.float32)),
            good[2],
        ]
        assert sorted(await _refused(harness, *batch)) == [1, 3]
        assert harness.memories() == {}
        await harness.handle(*good)
        assert len(harness.memories()) == 3

    async def test_what_no_store_can_hold_is_found_by_smaller_batches(
        self, harness: Harness
    ) -> None:
        bad = foreign(text="b\x00")
        assert await _refused(harness, foreign(), bad) == {}
        [reason] = (await _refused(harness, bad)).values()
        assert reason.startswith("/text ")


async def test_nothing_that_was_erased_comes_back(harness: Harness) -> None:
    before = foreign(coordinate=at("1"), at=datetime.now(UTC) - timedelta(seconds=1))
    await harness.handle(before)
    erased = await InMemoryEraser(harness.store).erase(NAMESPACE)
    taken_later = erased.at + timedelta(seconds=1)
    again = [delivered(before), delivered(before, at=taken_later)]
    await harness.writer.handle(again)
    assert harness.memories() == {}
    await harness.handle(foreign(coordinate=at("1"), at=taken_later))
    assert set(harness.memories()) == {"1"}


async def test_an_outage_is_no_poison() -> None:
    class Down:
        async def accept(
            self, namespace: str, arrivals: Sequence[Arrival], *, now: datetime
        ) -> Sequence[Acceptance]:
            raise Unavailable("the store does not answer")

    writer = KvWriter(inbox=Down(), info=INFO, producer=NOWHERE, clock=SystemClock())
    with pytest.raises(Unavailable):
        await writer.handle([delivered(foreign(id=uuid4()))])


async def _refused(harness: Harness, *events: MemoryEvent) -> dict[int, str]:
    with pytest.raises(Poison) as caught:
        await harness.handle(*events)
    return dict(caught.value.offenders)
