"""Looking at dead letters and putting them back, over the twin."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import anyio
import pytest

from sfm_core.errors import Conflict, Unavailable
from sfm_events import dlq as module
from sfm_events.codec import encode
from sfm_events.dead_letters import dlq_of
from sfm_events.dlq import REPLAYER, DeadLetters
from sfm_events.loop import ConsumerLoop
from sfm_events.ports import Message, Partition
from tests.unit.sfm_events.consumers import QUICK, TOPIC, Bench, until
from tests.unit.sfm_events.events import an_event


@asynccontextmanager
async def letters_of(bench: Bench) -> AsyncGenerator[DeadLetters]:
    source = bench.broker.join(REPLAYER, dlq_of(TOPIC))
    try:
        yield DeadLetters(source, bench.producer, topic=TOPIC)
    finally:
        await source.leave()


async def bury(bench: Bench, count: int) -> None:
    """Let so many events fail for good."""
    events = [an_event(str(n)) for n in range(count)]
    bench.effects.poison |= {one.event_id for one in events}
    bench.publish(*events)
    async with bench.running(replace(QUICK, dlq_limit=1000)):
        await until(lambda: bench.is_at_rest)


async def test_letters_are_shown_with_why_and_whence() -> None:
    bench = Bench()
    await bury(bench, 3)
    async with letters_of(bench) as letters:
        found = await letters.waiting(limit=10)
        assert [one.offset for one in found] == ["0", "1", "2"]
        assert {one.reason for one in found} == {"some are wrong"}
        assert {(one.topic, one.partition, one.consumer) for one in found} == {(TOPIC, "0", "test")}
        assert found[1].record.value == encode(an_event("1"))
    async with letters_of(bench) as letters:
        assert len(await letters.waiting(limit=2)) == 2  # looking takes nothing away


async def test_after_the_fix_each_letter_takes_effect_once() -> None:
    bench = Bench()
    await bury(bench, 250)
    bench.effects.poison.clear()
    async with letters_of(bench) as letters:
        assert await letters.replay() == 250
    async with letters_of(bench) as letters:
        assert await letters.replay() == 0
    async with letters_of(bench) as letters:
        assert await letters.waiting(limit=10) == []
    async with letters_of(bench) as letters:
        assert len(await letters.waiting(limit=1000, everything=True)) == 250
    async with bench.running():
        await until(lambda: bench.is_at_rest)
    values = bench.effects.values()
    assert len(values) == len(set(values)) == 250
    assert {name for record in bench.effects.made for name, _ in record.headers} == {"sfm-root"}


async def test_what_still_fails_comes_back_and_is_not_put_back_at_once() -> None:
    bench = Bench()
    await bury(bench, 3)
    async with bench.running(), letters_of(bench) as letters:
        assert await letters.replay() == 3
    async with bench.running(), letters_of(bench) as letters:
        await until(lambda: len(bench.broker.records(dlq_of(TOPIC))) == 6)
        again = await letters.waiting(limit=10)
    assert [one.offset for one in again] == ["3", "4", "5"]


async def test_a_run_goes_on_behind_the_last() -> None:
    bench = Bench()
    await bury(bench, 5)
    bench.effects.poison.clear()
    async with letters_of(bench) as letters:
        assert await letters.replay(limit=2) == 2
    async with letters_of(bench) as letters:
        assert [one.offset for one in await letters.waiting(limit=9)] == ["2", "3", "4"]
    async with letters_of(bench) as letters:
        assert await letters.replay(limit=9) == 3
    values = [record.value for record in bench.broker.records(TOPIC)[5:]]
    assert values == [encode(an_event(str(n))) for n in range(5)]


async def bury_twice(bench: Bench) -> None:
    """As two consumers do, each for itself."""
    sources = {name: bench.broker.join(name, TOPIC) for name in ("kv-writer", "vector-indexer")}
    async with anyio.create_task_group() as tasks:
        stopping = anyio.Event()
        for name, source in sources.items():
            loop = ConsumerLoop(
                name=name,
                source=source,
                handler=bench.effects,
                producer=bench.producer,
                policy=QUICK,
            )
            tasks.start_soon(loop.run, stopping)
        end = len(bench.broker.records(TOPIC))
        place = Partition(TOPIC, 0)
        for name in sources:
            await until(partial(lambda n: bench.broker.committed(n).get(place) == end, name))
        stopping.set()
    for source in sources.values():
        await source.leave()


async def test_a_record_that_two_consumers_put_aside_is_put_back_once() -> None:
    bench = Bench()
    bench.broker.append(TOPIC, b"k", b"{")
    for again in range(1, 4):
        await bury_twice(bench)
        assert len(bench.broker.records(dlq_of(TOPIC))) == 2 * again
        async with letters_of(bench) as letters:
            assert await letters.replay() == 1
        assert len(bench.broker.records(TOPIC)) == 1 + again


async def test_a_record_that_was_put_back_twice_is_one_again_the_next_time() -> None:
    """The end of a run fell between its two letters."""
    bench = Bench()
    bench.broker.append(TOPIC, b"k", b"{")
    await bury_twice(bench)
    for _ in range(2):
        async with letters_of(bench) as letters:
            assert await letters.replay(limit=1) == 1
    await bury_twice(bench)
    assert len(bench.broker.records(dlq_of(TOPIC))) == 6
    async with letters_of(bench) as letters:
        assert await letters.replay() == 1


async def test_two_records_that_claim_one_root_are_two() -> None:
    bench = Bench()
    root = (("sfm-root", b"forged"),)
    for value in (b"{", b"["):
        bench.broker.publish([Message(topic=TOPIC, key=b"k", value=value, headers=root)])
    async with bench.running():
        await until(lambda: bench.is_at_rest)
    async with letters_of(bench) as letters:
        assert await letters.replay() == 2


async def test_a_letter_that_holds_a_part_of_its_record_is_not_put_back() -> None:
    bench = Bench()
    bench.broker.append(TOPIC, b"k", b"x" * (5 * 1024 * 1024))
    async with bench.running():
        await until(lambda: bench.is_at_rest)
    async with letters_of(bench) as letters:
        [letter] = await letters.waiting(limit=9)
        assert "too large to keep whole" in letter.reason
    async with letters_of(bench) as letters:
        assert await letters.replay() == 0
    async with letters_of(bench) as letters:
        assert await letters.waiting(limit=9) == []


async def test_what_was_not_taken_is_not_counted_as_put_back() -> None:
    bench = Bench()
    await bury(bench, 2)

    async def away(messages: Sequence[Message]) -> None:
        raise Unavailable(f"{len(messages)} were not taken")

    sound, bench.producer.send = bench.producer.send, away  # type: ignore[method-assign]
    async with letters_of(bench) as letters:
        with pytest.raises(Unavailable):
            await letters.replay()
        bench.producer.send = sound  # type: ignore[method-assign]
    async with letters_of(bench) as letters:
        assert await letters.replay() == 2


async def test_two_commands_do_not_put_back_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "JOIN_S", 0.05)
    bench = Bench()
    await bury(bench, 2)
    async with letters_of(bench) as first:
        assert len(await first.waiting(limit=9)) == 2
        async with letters_of(bench) as second:
            outcomes: list[object] = []
            for letters in (first, second):
                try:
                    outcomes.append(await letters.replay())
                except (Conflict, Unavailable) as error:
                    outcomes.append(type(error))
            assert outcomes.count(2) == 1


async def test_where_there_are_none_nothing_is_done() -> None:
    bench = Bench()
    with anyio.fail_after(5):
        async with letters_of(bench) as letters:
            assert await letters.waiting(limit=9) == []
            assert await letters.replay() == 0
