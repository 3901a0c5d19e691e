"""The relay, over the twins: what was committed goes out, soon, and whatever is away."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import anyio

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_outbox import InMemoryOutbox
from sfm_core.errors import TooLarge
from sfm_core.log.following import Wakes
from sfm_core.runtime.metrics import open_telemetry
from sfm_core.runtime.tracing import on_behalf_of
from sfm_core.testing.fakes import RecordingTelemetry
from sfm_core.testing.writes import an_upsert
from sfm_events.codec import decode
from sfm_events.gauges import show_relay
from sfm_events.ports import Message
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

    def relay(self, policy: RelayPolicy = QUICK) -> Relay:
        return Relay(
            outbox=InMemoryOutbox(self.store),
            producer=self.producer,
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

    async def write(self, *places: str, namespace: str = "a") -> None:
        await self.store.apply(namespace, [an_upsert(place) for place in places])
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
    assert ("outbox_relayed_total", 3.0, {}) in bench.telemetry.counted


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


async def test_an_event_that_no_topic_takes_does_not_hold_up_the_others() -> None:
    bench = Bench()
    await bench.write("1", "2", "3")
    sound = bench.producer.send

    async def small(messages: Sequence[Message]) -> None:
        if any(decode(message.value).position == 2 for message in messages):
            raise TooLarge("a message is larger than the topic takes")
        await sound(messages)

    bench.producer.send = small  # type: ignore[method-assign]
    async with bench.running() as relay:
        await until(lambda: relay.unsent == 0 and bench.positions() == [1, 3])
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
