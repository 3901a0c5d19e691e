"""The relay, over the twins: what was committed goes out, soon, and whatever is away."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import uuid4

import anyio
import pytest

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_outbox import InMemoryOutbox
from sfm_core.errors import Corrupt, TooLarge
from sfm_core.log.following import Wakes
from sfm_core.model import Event, EventType, JsonObject
from sfm_core.runtime.metrics import open_telemetry
from sfm_core.runtime.tracing import on_behalf_of
from sfm_core.testing.fakes import RecordingTelemetry
from sfm_core.testing.writes import an_upsert
from sfm_events.codec import decode
from sfm_events.gauges import show_relay
from sfm_events.ports import Message, Producer
from sfm_events.relay import Relay, RelayPolicy
from sfm_events.transports.inmemory import InMemoryBroker, InMemoryProducer
from tests.unit.sfm_events.consumers import TOPIC, until

QUICK = RelayPolicy(
    batch=5, poll_s=0.005, first_backoff_s=0.001, max_backoff_s=0.004, backlog_every_s=0.005
)
DEAF = RelayPolicy(poll_s=60.0, backlog_every_s=60.0)


class Bench:
    def __init__(self) -> None:
        self.store, self.wakes = InMemoryStore(), Wakes()
        self.broker = InMemoryBroker()
        self.broker.create(TOPIC, partitions=3)
        self.producer = InMemoryProducer(self.broker)
        self.telemetry = RecordingTelemetry()

    def relay(self, policy: RelayPolicy = QUICK, *, producer: Producer | None = None) -> Relay:
        return Relay(
            outbox=InMemoryOutbox(self.store),
            producer=producer or self.producer,
            topic=TOPIC,
            listening=self.wakes.watching_all,
            policy=policy,
            telemetry=self.telemetry,
        )

    @asynccontextmanager
    async def running(self, policy: RelayPolicy = QUICK) -> AsyncGenerator[Relay]:
        relay, stopping = self.relay(policy), anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(relay.run, stopping)
            try:
                yield relay
            finally:
                stopping.set()

    async def write(self, *places: str, namespace: str = "a", said: str = "") -> None:
        payload: JsonObject = {"said": said}
        await self.store.apply(namespace, [an_upsert(place, payload=payload) for place in places])
        self.wakes.wake(namespace)

    def positions(self) -> list[int]:
        values = [record.value or b"" for record in self.broker.records(TOPIC)]
        return sorted(decode(value).position or 0 for value in values)


async def test_a_commit_of_this_process_is_published_at_once() -> None:
    bench = Bench()
    async with bench.running(DEAF):
        await anyio.wait_all_tasks_blocked()
        await bench.write("1", "2", namespace="b")
        await until(lambda: bench.positions() == [1, 2])


async def test_what_others_wrote_is_found_by_looking() -> None:
    bench = Bench()
    async with bench.running():
        await anyio.wait_all_tasks_blocked()
        await bench.store.apply("a", [an_upsert("1")])
        await until(lambda: bench.positions() == [1])


async def test_what_is_published_is_the_log() -> None:
    bench = Bench()
    await bench.write(*[str(n) for n in range(23)])
    async with bench.running():
        await until(lambda: len(bench.positions()) == 23)
    for record in bench.broker.records(TOPIC):
        event = decode(record.value or b"")
        assert event.is_canonical
        assert record.key == str(event.id).encode()
        [logged] = [one for one in bench.store.log("a") if one.position == event.position]
        assert (event.event_id, event.version) == (logged.event_id, logged.version)


async def test_the_trace_of_the_request_is_a_header() -> None:
    bench = Bench()
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with on_behalf_of(trace):
        await bench.write("1")
    await bench.write("2")
    async with bench.running():
        await until(lambda: len(bench.positions()) == 2)
    headers = {record.headers for record in bench.broker.records(TOPIC)}
    assert headers == {(("traceparent", trace.encode()),), ()}


async def test_while_the_broker_is_away_events_wait_and_are_counted() -> None:
    bench = Bench()
    bench.broker.is_down = True
    shown = open_telemetry()
    async with bench.running() as relay:
        show_relay(relay, shown)
        await bench.write("1", "2", "3")
        await until(lambda: relay.unsent == 3)
        assert not relay.health.ready
        assert (relay.oldest_age_s or 0.0) > 0.0
        assert b"sfm_outbox_unsent_rows 3.0" in shown.render()
        bench.broker.is_down = False
        await until(lambda: relay.unsent == 0)
        await until(lambda: relay.health.ready and relay.oldest_age_s == 0.0)
    assert bench.positions() == [1, 2, 3]
    told = [n for name, n, _ in bench.telemetry.counted if name == "outbox_relayed_total"]
    assert sum(told) == 3


async def test_a_broker_that_never_answers_gives_the_claim_back() -> None:
    bench = Bench()
    await bench.write("1")
    asked = 0

    async def hangs(messages: Sequence[Message]) -> None:
        nonlocal asked
        del messages
        asked += 1
        await anyio.sleep_forever()

    sound, bench.producer.send = bench.producer.send, hangs  # type: ignore[method-assign]
    policy = RelayPolicy(publish_s=0.01, first_backoff_s=0.001, max_backoff_s=0.002)
    async with bench.running(policy) as relay:
        await until(lambda: asked == 2)
        assert "in time" in relay.health.detail
        bench.producer.send = sound  # type: ignore[method-assign]
        await until(lambda: bench.positions() == [1])


class Narrow:
    """A producer whose topic takes `most` bytes, and which a refusal costs dear."""

    def __init__(self, sound: Producer, most: int) -> None:
        self.sound, self.most, self.refused = sound, most, 0

    async def send(self, messages: Sequence[Message]) -> None:
        if any(len(message.value) > self.most for message in messages):
            self.refused += 1
            raise TooLarge("a message is larger than the topic takes")
        await self.sound.send(messages)


async def test_an_event_that_no_topic_takes_does_not_hold_up_the_others() -> None:
    bench = Bench()
    await bench.write("1")
    await bench.store.apply("a", [an_upsert("2", tags=tuple(f"{n:0100}" for n in range(20)))])
    await bench.write("3")
    assert await bench.relay(producer=Narrow(bench.producer, 1500)).sweep() == 3
    assert bench.positions() == [1, 3]
    assert ("outbox_refused_total", 1.0, {}) in bench.telemetry.counted


async def test_what_is_too_large_for_an_event_is_published_abridged() -> None:
    """REST takes it: numbers that are short as they were sent, and long as they are kept."""
    bench = Bench()
    upsert = an_upsert("1", payload={"n": [-1e15] * 99_000}, text="x" * 262_144)
    await bench.store.apply("a", [upsert])
    async with bench.running() as relay:
        await until(lambda: relay.unsent == 0 and bench.positions() == [1])
    [record] = bench.broker.records(TOPIC)
    event = decode(record.value or b"")
    assert (event.abridged, event.payload, event.text, event.version) == (True, {}, None, 1)
    assert event.coordinate == upsert.coordinate


async def test_a_topic_that_is_narrow_gets_what_fits_after_few_refusals() -> None:
    bench = Bench()
    for n in range(200):
        await bench.write(str(n), said="x" * (1000 if n % 2 else 10))
    narrow = Narrow(bench.producer, 1000)
    relay = bench.relay(producer=narrow)
    assert await relay.sweep() == 200
    assert bench.positions() == list(range(1, 201))
    events = [decode(record.value or b"") for record in bench.broker.records(TOPIC)]
    assert sum(event.abridged for event in events) == 100
    assert narrow.refused <= 9


async def test_a_topic_that_takes_nothing_at_all_does_not_cost_a_refusal_each() -> None:
    bench = Bench()
    await bench.write(*[str(n) for n in range(200)])
    narrow = Narrow(bench.producer, 0)
    assert await bench.relay(producer=narrow).sweep() == 200
    assert narrow.refused <= 20
    assert bench.positions() == []


async def test_a_batch_that_takes_too_long_comes_again_in_halves() -> None:
    bench = Bench()
    await bench.write("1", "2", "3", "4", "5")
    sound, sizes = bench.producer.send, list[int]()

    async def slow(messages: Sequence[Message]) -> None:
        sizes.append(len(messages))
        if len(messages) > 1:
            await anyio.sleep_forever()
        await sound(messages)

    bench.producer.send = slow  # type: ignore[method-assign]
    policy = replace(QUICK, publish_s=0.02)
    async with bench.running(policy):
        await until(lambda: set(bench.positions()) == {1, 2, 3, 4, 5})
    assert sizes[:3] == [5, 2, 1]


@pytest.mark.parametrize("error", [Corrupt("damage"), KeyError("payload"), ValueError("no uuid")])
async def test_nothing_that_the_log_holds_ends_the_process(error: Exception) -> None:
    bench = Bench()
    await bench.write("1")
    sound = bench.store.log

    def damaged(namespace: str) -> Sequence[Event]:
        del namespace
        raise error

    bench.store.log = damaged  # type: ignore[method-assign]
    async with bench.running() as relay:
        await until(lambda: not relay.health.ready)
        assert relay.unsent is None
        bench.store.log = sound  # type: ignore[method-assign]
        await until(lambda: relay.health.ready and bench.positions() == [1])


async def test_an_event_that_makes_no_message_is_passed_over() -> None:
    bench = Bench()
    await bench.write("1", "2")
    [first, _] = bench.store.log("a")
    odd = replace(first, position=7, memory_id=uuid4(), type=EventType.LINKED, memory=None)
    sound = bench.store.log
    bench.store.log = lambda namespace: [*sound(namespace), odd]  # type: ignore[method-assign]
    assert await bench.relay().sweep() == 3
    assert bench.positions() == [1, 2]
    assert ("outbox_refused_total", 1.0, {}) in bench.telemetry.counted


async def test_a_stop_publishes_what_was_committed_before() -> None:
    bench = Bench()
    async with bench.running(DEAF):
        await anyio.wait_all_tasks_blocked()
        await bench.store.apply("a", [an_upsert("1")])
    assert bench.positions() == [1]


async def test_a_stop_does_not_wait_for_a_broker_that_is_away() -> None:
    bench = Bench()
    bench.broker.is_down = True
    await bench.write("1")
    with anyio.fail_after(5):
        async with bench.running(RelayPolicy(first_backoff_s=60.0)) as relay:
            await until(lambda: not relay.health.ready)


async def test_several_relays_publish_everything_between_them() -> None:
    bench = Bench()
    async with bench.running(), bench.running(), bench.running():
        for n in range(20):
            await bench.write(str(n), str(n + 1))
        await until(lambda: len(bench.positions()) == 40)
    by_key: dict[bytes | None, list[int]] = {}
    for record in bench.broker.records(TOPIC):
        event = decode(record.value or b"")
        by_key.setdefault(record.key, []).append(event.version or 0)
    assert all(versions == sorted(versions) for versions in by_key.values())


async def test_a_sweep_publishes_all_there_is() -> None:
    bench = Bench()
    await bench.write(*[str(n) for n in range(12)])
    assert await bench.relay().sweep() == 12
    assert await bench.relay().sweep() == 0
