"""The consumer loop: outages are waited out, poison is put aside, no effect is skipped."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256

import anyio
import pytest

from sfm_core.errors import Corrupt, Misconfigured, TooLarge, Unavailable
from sfm_events.codec import decode, encode
from sfm_events.dead_letters import dlq_of, is_cut, original_headers, said_of
from sfm_events.event import MemoryEvent
from sfm_events.ports import Delivered, Message, Partition, Poison
from sfm_events.writing import document_of
from tests.unit.sfm_events.consumers import GROUP, QUICK, TOPIC, Bench, until
from tests.unit.sfm_events.events import a_foreign_event, an_event
from tests.unit.sfm_events.test_codec import BAD


async def test_records_are_handled_in_order_and_committed() -> None:
    bench = Bench()
    events = [an_event(version=n) for n in range(1, 51)]
    bench.publish(*events)
    async with bench.running():
        await until(lambda: bench.is_at_rest)
    assert bench.effects.values() == [encode(one) for one in events]
    assert max(bench.effects.sizes) <= QUICK.max_records


async def test_an_outage_holds_everything_and_loses_nothing() -> None:
    bench = Bench(partitions=3)
    bench.effects.is_down = True
    bench.publish(*[an_event(str(n)) for n in range(30)])
    async with bench.running() as loop:
        await until(lambda: bench.effects.tried > 5)
        assert not loop.health.ready
        assert "handler" in loop.health.detail
        assert [bench.committed(n) for n in range(3)] == [0, 0, 0]
        bench.effects.is_down = False
        await until(lambda: bench.is_at_rest)
        await until(lambda: loop.health.ready)
    assert len(bench.effects.made) == 30
    assert bench.dead() == {}


async def test_a_broker_that_is_away_is_waited_for() -> None:
    bench = Bench()
    bench.broker.is_down = True
    async with bench.running() as loop:
        await until(lambda: not loop.health.ready)
        bench.broker.is_down = False
        bench.publish(an_event())
        await until(lambda: bench.is_at_rest)
        await until(lambda: loop.health.ready)


async def test_a_wrong_setting_is_no_fault_of_a_record() -> None:
    bench = Bench()
    bench.publish(an_event())

    class Wrong:
        async def handle(self, events: object) -> None:
            raise Misconfigured("the schema is another version's")

    bench.effects = Wrong()  # type: ignore[assignment]  # a handler as well
    async with bench.running() as loop:
        await until(lambda: not loop.health.ready)
    assert (bench.committed(), bench.dead()) == (0, {})


@pytest.mark.parametrize("named", [True, False])
async def test_poison_is_put_aside_with_its_bytes_and_the_rest_goes_on(*, named: bool) -> None:
    bench = Bench()
    events = [an_event(str(n)) for n in range(20)]
    bench.effects.poison = {events[7].event_id, events[13].event_id}
    bench.effects.names_offenders = named
    bench.publish(*events)
    async with bench.running():
        await until(lambda: bench.is_at_rest)
    dead = bench.broker.records(dlq_of(TOPIC))
    assert [one.value for one in dead] == [encode(events[7]), encode(events[13])]
    assert set(bench.dead()) == {(TOPIC, 0, 7), (TOPIC, 0, 13)}
    good = {encode(one) for i, one in enumerate(events) if i not in (7, 13)}
    assert set(bench.effects.values()) == good
    assert len(bench.effects.made) == len(good)


async def test_halving_takes_few_tries() -> None:
    bench = Bench()
    events = [an_event(str(n)) for n in range(512)]
    bench.effects.poison = {events[300].event_id}
    bench.publish(*events)
    async with bench.running(replace(QUICK, max_records=512)):
        await until(lambda: bench.is_at_rest)
    assert bench.effects.tried <= 2 * 9 + 1


async def test_what_is_good_is_done_before_what_is_suspected() -> None:
    """With one poison in the first half, the whole second half is done at the third try."""
    bench = Bench()
    events = [an_event(str(n)) for n in range(64)]
    bench.effects.poison = {events[3].event_id}
    bench.publish(*events)
    async with bench.running(replace(QUICK, max_records=64)):
        await until(lambda: bench.is_at_rest)
    assert bench.effects.sizes[0] == 32
    assert sorted(bench.effects.sizes, reverse=True) == bench.effects.sizes


async def test_events_of_one_key_stay_in_order_around_poison() -> None:
    bench = Bench()
    events = [an_event(str(n % 3), version=n) for n in range(1, 20)]
    bench.effects.poison = {events[4].event_id, events[5].event_id, events[11].event_id}
    bench.publish(*events)
    async with bench.running():
        await until(lambda: bench.is_at_rest)
    for key in {record.key for record in bench.effects.made}:
        offsets = [record.offset for record in bench.effects.made if record.key == key]
        assert offsets == sorted(set(offsets))
    assert len(bench.effects.made) == 16


async def test_a_bug_that_one_record_brings_out_stops_no_other() -> None:
    bench = Bench()
    events = [an_event(str(n)) for n in range(8)]
    bench.effects.poison, bench.effects.crashes = {events[2].event_id}, True
    bench.publish(*events)
    async with bench.running():
        await until(lambda: bench.is_at_rest)
    assert bench.dead() == {(TOPIC, 0, 2): "crash: KeyError"}


@pytest.mark.parametrize(
    "error",
    [
        Corrupt("the record store reports damage"),
        Misconfigured("the role lacks a privilege"),
        ExceptionGroup("of tasks", [ValueError("what came of it"), Unavailable("the store")]),
        ExceptionGroup("of tasks", [ExceptionGroup("inner", [Unavailable("the store")])]),
    ],
)
async def test_no_outage_puts_a_record_aside(error: Exception) -> None:
    bench = Bench()
    bench.publish(*[an_event(str(n)) for n in range(5)])
    sound, tries = bench.effects.handle, 0

    async def fails(events: Sequence[Delivered]) -> None:
        nonlocal tries
        tries += 1
        if tries < 6:
            raise error
        await sound(events)

    bench.effects.handle = fails  # type: ignore[method-assign]
    async with bench.running() as loop:
        await until(lambda: tries == 3)
        assert not loop.health.ready
        await until(lambda: bench.is_at_rest)
    assert (len(bench.effects.made), bench.dead()) == (5, {})


async def test_a_source_that_reports_damage_is_waited_for() -> None:
    bench = Bench()
    bench.publish(an_event())
    source = bench.broker.join(GROUP, TOPIC)
    sound, tries = source.lags, 0

    async def damaged() -> Mapping[Partition, int]:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise Corrupt("the record store reports damage")
        return await sound()

    source.lags = damaged  # type: ignore[method-assign]
    stopping = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bench.loop(source).run, stopping)
        await until(lambda: bench.is_at_rest)
        stopping.set()


async def test_poison_in_a_group_is_poison() -> None:
    bench = Bench()
    bench.publish(an_event("1"), an_event("2"))
    sound = bench.effects.handle

    async def fails(events: Sequence[Delivered]) -> None:
        if len(events) == 2:
            raise ExceptionGroup("of tasks", [Poison("one is wrong", offenders={0: "wrong"})])
        await sound(events)

    bench.effects.handle = fails  # type: ignore[method-assign]
    async with bench.running():
        await until(lambda: bench.is_at_rest)
    assert bench.dead() == {(TOPIC, 0, 0): "wrong"}


async def test_a_bug_in_reading_one_record_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def odd(raw: bytes) -> MemoryEvent:
        if raw == b"{":
            raise RecursionError
        return decode(raw)

    monkeypatch.setattr("sfm_events.judging.decode", odd)
    bench = Bench()
    bench.broker.append(TOPIC, b"k", b"{")
    bench.publish(an_event())
    async with bench.running():
        await until(lambda: bench.is_at_rest)
    assert bench.dead() == {(TOPIC, 0, 0): "crash: RecursionError"}


async def test_what_another_member_has_now_is_not_committed() -> None:
    """It was done before it was lost, and could not be committed then."""
    bench = Bench(partitions=2)
    bench.publish(*[an_event(str(n)) for n in range(12)])
    source = bench.broker.join(GROUP, TOPIC)
    asked: list[dict[Partition, int]] = []

    async def commit(nexts: Mapping[Partition, int]) -> Collection[Partition]:
        asked.append(dict(nexts))
        if len(asked) == 1:
            for partition in source.owned():
                if partition.number == 1:
                    source.assign({Partition(TOPIC, 0): nexts[Partition(TOPIC, 0)]})
            raise Unavailable("the answer was lost")
        return set()

    source.commit = commit  # type: ignore[method-assign]
    stopping = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bench.loop(source).run, stopping)
        await until(lambda: len(asked) > 1)
        stopping.set()
    assert {one.number for one in asked[0]} == {0, 1}
    assert {one.number for one in asked[1]} == {0}


async def test_what_is_no_event_never_reaches_the_handler() -> None:
    bench = Bench()
    for value in (b"{", b"[]", None, b'{"id":7}'):
        bench.broker.append(TOPIC, b"k", value)
    bench.publish(an_event())
    async with bench.running():
        await until(lambda: bench.is_at_rest)
    assert bench.effects.tried == 1
    reasons = bench.dead()
    assert len(reasons) == 4
    assert reasons[TOPIC, 0, 0].startswith("malformed: ")
    assert reasons[TOPIC, 0, 2] == "the record has no value"
    assert "/event_id is required" in reasons[TOPIC, 0, 3]


async def test_a_dead_letter_keeps_the_headers_of_the_record() -> None:
    bench = Bench()
    headers = (("traceparent", b"00-aa-bb-01"), ("sfm-reason", b"an earlier death"))
    bench.broker.publish([Message(topic=TOPIC, key=b"k", value=b"{", headers=headers)])
    async with bench.running():
        await until(lambda: bench.is_at_rest)
    [dead] = bench.broker.records(dlq_of(TOPIC))
    assert original_headers(dead.headers) == (("traceparent", b"00-aa-bb-01"),)
    assert [value for name, value in dead.headers if name == "sfm-reason"] != [b"an earlier death"]
    assert dict(dead.headers)["sfm-consumer"] == b"test"


async def test_a_dead_letter_that_cannot_be_written_is_an_outage() -> None:
    bench = Bench()
    bench.broker.append(TOPIC, b"k", b"{")
    sound = bench.producer.send
    tries = 0

    async def away(messages: Sequence[Message]) -> None:
        nonlocal tries
        tries += 1
        if tries < 5:
            bench.broker.is_down = True
            try:
                await sound([])
            finally:
                bench.broker.is_down = False
        await sound(messages)

    bench.producer.send = away  # type: ignore[method-assign]
    async with bench.running():
        await until(lambda: tries == 3)
        assert bench.committed() == 0
        await until(lambda: bench.is_at_rest)
    assert len(bench.dead()) == 1


async def test_too_many_dead_letters_in_a_row_halt_the_loop() -> None:
    bench = Bench()
    for _ in range(30):
        bench.broker.append(TOPIC, b"k", b"{")
    bench.publish(an_event())
    async with bench.running(replace(QUICK, max_records=7, dlq_limit=12)) as loop:
        await until(lambda: loop.health.detail.startswith("halted"))
        assert not loop.health.ready
        bench.publish(an_event("2"))
        await anyio.wait_all_tasks_blocked()
    assert len(bench.dead()) == 12
    assert bench.committed() == 7  # of the batch in which it halted nothing
    assert bench.effects.made == []


async def test_a_good_record_between_lets_the_count_begin_anew() -> None:
    bench = Bench()
    for n in range(40):
        bench.broker.append(TOPIC, b"k", b"{")
        if n % 10 == 9:
            bench.publish(an_event(str(n)))
    async with bench.running(replace(QUICK, dlq_limit=12)):
        await until(lambda: bench.is_at_rest)
    assert len(bench.dead()) == 40


async def test_a_record_too_large_for_a_dead_letter_is_put_aside_in_part() -> None:
    """Compressed it passed its topic's limit."""
    bench = Bench()
    large = b"x" * (5 * 1024 * 1024)
    bench.broker.append(TOPIC, b"k", b"{")
    bench.broker.append(TOPIC, b"k", large)
    bench.publish(an_event())
    async with bench.running() as loop:
        await until(lambda: bench.is_at_rest and loop.health.ready)
    whole, part = sorted(bench.broker.records(dlq_of(TOPIC)), key=lambda one: len(one.value or b""))
    assert (whole.value, is_cut(whole)) == (b"{", False)
    assert (part.value, is_cut(part)) == (large[: 16 * 1024], True)
    said = said_of(part)
    assert (said["bytes"], said["sha256"]) == (str(len(large)), sha256(large).hexdigest())
    assert (said["topic"], said["partition"], said["offset"]) == (TOPIC, "0", "1")
    assert said["reason"].startswith("too-large: ")
    assert len(bench.effects.made) == 1


async def test_a_dead_letter_that_no_topic_takes_halts_the_loop() -> None:
    bench = Bench()
    bench.broker.append(TOPIC, b"k", b"{")

    async def refuses(messages: Sequence[Message]) -> None:
        raise TooLarge(f"{len(messages)} are too large")

    bench.producer.send = refuses  # type: ignore[method-assign]
    async with bench.running() as loop:
        await until(lambda: loop.health.detail.startswith("halted"))
    assert bench.committed() == 0


async def test_a_stop_lets_the_batch_in_hand_end() -> None:
    bench = Bench()
    bench.publish(*[an_event(str(n)) for n in range(5)])
    entered, leave = anyio.Event(), anyio.Event()
    sound = bench.effects.handle

    async def slow(events: Sequence[Delivered]) -> None:
        entered.set()
        await leave.wait()
        await sound(events)

    bench.effects.handle = slow  # type: ignore[method-assign]
    stopping, loop = anyio.Event(), bench.loop(bench.broker.join(GROUP, TOPIC))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(loop.run, stopping)
        await entered.wait()
        stopping.set()
        await anyio.wait_all_tasks_blocked()
        leave.set()
    assert bench.is_at_rest
    assert not loop.health.ready


async def test_a_stop_waits_no_longer_than_it_may() -> None:
    bench = Bench()
    bench.publish(an_event())
    entered = anyio.Event()

    async def stuck(events: Sequence[Delivered]) -> None:
        del events
        entered.set()
        await anyio.sleep_forever()

    bench.effects.handle = stuck  # type: ignore[method-assign]
    stopping = anyio.Event()
    loop = bench.loop(bench.broker.join(GROUP, TOPIC), replace(QUICK, drain_s=0.01))
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(loop.run, stopping)
            await entered.wait()
            stopping.set()
    assert bench.committed() == 0


async def test_a_stop_in_an_outage_leaves_the_batch_for_the_next() -> None:
    bench = Bench()
    bench.effects.is_down = True
    bench.publish(*[an_event(str(n)) for n in range(5)])
    async with bench.running(replace(QUICK, max_backoff_s=60.0, first_backoff_s=60.0)):
        await until(lambda: bench.effects.tried == 1)
    assert bench.committed() == 0
    bench.effects.is_down = False
    async with bench.running():
        await until(lambda: bench.is_at_rest)


async def test_what_was_done_before_an_outage_is_committed_at_a_stop() -> None:
    bench = Bench()
    events = [an_event(str(n)) for n in range(4)]
    bench.effects.poison = {events[3].event_id}
    bench.publish(*events)
    sound = bench.effects.handle

    async def fails_late(events: Sequence[Delivered]) -> None:
        if bench.effects.made:
            bench.effects.is_down = True
        await sound(events)

    bench.effects.handle = fails_late  # type: ignore[method-assign]
    async with bench.running():
        await until(lambda: bench.effects.is_down and bench.effects.tried > 4)
    assert bench.committed() == len(bench.effects.made) == 2


async def test_records_of_a_lost_partition_are_dropped() -> None:
    bench = Bench(partitions=2)
    bench.effects.is_down = True
    bench.publish(*[an_event(str(n)) for n in range(20)])
    async with bench.running():
        await until(lambda: bench.effects.tried > 2)
        async with bench.running():
            bench.effects.is_down = False
            await until(lambda: bench.is_at_rest)
    assert len({record.value for record in bench.effects.made}) == 20
    assert bench.dead() == {}


async def test_the_lag_and_what_was_done_are_told() -> None:
    bench = Bench()
    bench.effects.is_down = True
    bench.publish(*[an_event(str(n)) for n in range(30)])
    async with bench.running() as loop:
        await until(lambda: bench.effects.tried > 1)
        bench.effects.is_down = False
        await until(lambda: bench.is_at_rest and loop.lag == 0)
    counted = [(name, value) for name, value, _ in bench.telemetry.counted]
    assert sum(value for name, value in counted if name == "consumer_handled_total") == 30
    assert ("consumer_failed_total", 1.0) in counted
    observed = {name for name, _, _ in bench.telemetry.observed}
    assert observed >= {"consumer_batch_records", "consumer_handle_seconds", "consumer_lag_seconds"}


async def test_large_records_are_handled_in_small_batches() -> None:
    bench = Bench()
    bench.publish(*[an_event(str(n), text="x" * 100_000) for n in range(10)])
    async with bench.running(replace(QUICK, max_bytes=250_000)):
        await until(lambda: bench.is_at_rest)
    assert max(bench.effects.sizes) == 2
    assert sum(bench.effects.sizes) == 10


async def test_a_source_that_fails_after_it_gave_records_loses_none() -> None:
    """A fetch has moved on by then: what it gave must be handled, whatever is asked beside it."""
    bench = Bench()
    source = bench.broker.join(GROUP, TOPIC)
    sound, asked = source.lags, 0

    async def now_and_then() -> Mapping[Partition, int]:
        nonlocal asked
        asked += 1
        if asked % 2:
            raise Unavailable("the broker does not say")
        return await sound()

    source.lags = now_and_then  # type: ignore[method-assign]
    stopping = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bench.loop(source).run, stopping)
        for n in range(10):
            bench.publish(an_event(str(n)))
            await until(lambda: bench.is_at_rest)
        stopping.set()
    assert len(bench.effects.made) == 10


async def test_each_kind_of_nonsense_is_buried_with_its_reason() -> None:
    """Every document that the codec refuses, between good events: those come through at once."""
    bench = Bench()
    reasons: dict[int, str] = {}
    for said, path in BAD.values():
        value = json.dumps({**document_of(a_foreign_event()), **said}).encode()
        record = bench.broker.append(TOPIC, b"bad", value)
        reasons[record.offset] = path
        bench.publish(an_event(str(record.offset)))
    async with bench.running(replace(QUICK, max_records=1000)):
        await until(lambda: bench.is_at_rest)
    assert len(reasons) >= 12
    assert bench.effects.tried == 1
    assert len(bench.effects.made) == len(reasons)
    told = {offset: why for (_, _, offset), why in bench.dead().items()}
    assert told.keys() == reasons.keys()
    for offset, path in reasons.items():
        assert f"{path} " in told[offset]
