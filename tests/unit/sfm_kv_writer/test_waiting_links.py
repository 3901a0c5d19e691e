"""Links that come before the memories they join: they wait on the topic, and for nobody else."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sfm_core.adapters.hash_embedder import HashEmbedder
from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_erase import InMemoryEraser
from sfm_core.adapters.inmemory_inbox import InMemoryInbox
from sfm_core.coordinates import link_id
from sfm_core.encode.values import instant
from sfm_core.errors import Unavailable
from sfm_core.model import EventType
from sfm_core.runtime.clock import SystemClock
from sfm_core.testing.fakes import RecordingTelemetry
from sfm_core.testing.writes import at
from sfm_events.codec import decode, encode, key_of
from sfm_events.event import MemoryEvent
from sfm_events.ports import Delivered, Message, Poison
from sfm_kv_writer.handler import KvWriter
from sfm_kv_writer.waiting import Wait
from tests.servers.events import a_link, delivered, foreign
from tests.unit.sfm_events.consumers import QUICK, TOPIC, Bench, until

NAMESPACE = "default"


class Taken:
    """A `Producer` that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.is_down = False

    async def send(self, messages: Sequence[Message]) -> None:
        if self.is_down:
            raise Unavailable("the broker does not answer")
        self.messages += messages

    def headers(self) -> list[dict[str, str]]:
        return [{n: v.decode() for n, v in one.headers} for one in self.messages]

    def events(self) -> list[MemoryEvent]:
        return [decode(one.value) for one in self.messages]


class Harness:
    def __init__(self) -> None:
        self.store = InMemoryStore()
        self.taken = Taken()
        self.telemetry = RecordingTelemetry()
        self.writer = KvWriter(
            inbox=InMemoryInbox(self.store),
            info=HashEmbedder().info,
            producer=self.taken,
            clock=SystemClock(),
            link_wait_s=60.0,
            telemetry=self.telemetry,
        )

    def links(self) -> Mapping[tuple[str, str], bool]:
        entries = self.store.peek(NAMESPACE).links.values()
        return {(e.link.key.origin.text, e.link.key.target.text): e.live for e in entries}


@pytest.fixture
def harness() -> Harness:
    return Harness()


def linked(
    one: str = "1", other: str = "2", what: EventType = EventType.LINKED, **said: object
) -> MemoryEvent:
    id_ = link_id(NAMESPACE, at(one), at(other), "related")
    return foreign(what, id=id_, link=a_link(at(one), at(other)), **said)


def ends(*places: str) -> list[MemoryEvent]:
    return [foreign(coordinate=at(place)) for place in places]


def given(event: MemoryEvent, **headers: str) -> Delivered:
    """The event with its bytes, and headers with `_` for `-`."""
    found = delivered(event)
    said = tuple((name.replace("_", "-"), value.encode()) for name, value in headers.items())
    return replace(found, record=replace(found.record, value=encode(event), headers=said))


def ago(seconds: float) -> str:
    return instant(datetime.now(UTC) - timedelta(seconds=seconds))


async def test_links_before_their_ends_in_other_partitions_are_all_made() -> None:
    store = InMemoryStore()
    bench = Bench(partitions=4)
    bench.effects = KvWriter(  # type: ignore[assignment]
        inbox=InMemoryInbox(store),
        info=HashEmbedder().info,
        producer=bench.producer,
        clock=SystemClock(),
    )
    for n in range(150):
        bench.publish(*ends(str(n + 1)))
        if n:
            bench.publish(linked(str(n), str(n + 1)))
    async with bench.running(replace(QUICK, max_records=500)):
        await until(lambda: bench.is_at_rest)
    assert bench.dead() == {}
    links = store.peek(NAMESPACE).links.values()
    assert sum(one.live for one in links) == 149


async def test_within_a_batch_a_link_waits_for_what_is_behind_it(harness: Harness) -> None:
    await harness.writer.handle([given(one) for one in [linked(), *ends("1", "2")]])
    assert harness.links() == {("1", "2"): True}
    assert harness.taken.messages == []


async def test_a_link_to_what_the_same_batch_ends_later_is_made_and_ended(
    harness: Harness,
) -> None:
    batch = [*ends("1", "2"), linked(), foreign(EventType.DELETED, coordinate=at("1"))]
    await harness.writer.handle([given(one) for one in batch])
    assert harness.links() == {("1", "2"): False}
    assert harness.taken.messages == []


async def test_what_else_is_in_the_batch_is_written_before_the_link_is_put_back(
    harness: Harness,
) -> None:
    missing, [one] = linked(), ends("1")
    harness.taken.is_down = True
    record = given(missing, traceparent="00-1").record
    with pytest.raises(Unavailable):
        await harness.writer.handle([Delivered(record=record, event=missing), given(one)])
    assert len(list(harness.store.live(NAMESPACE))) == 1
    harness.taken.is_down = False
    await harness.writer.handle([Delivered(record=record, event=missing), given(one)])
    [message] = harness.taken.messages
    assert (message.topic, message.key, message.value) == (TOPIC, key_of(missing), record.value)
    [headers] = harness.taken.headers()
    assert headers["sfm-first-at"] == instant(record.at)
    assert (headers["sfm-tries"], headers["traceparent"]) == ("1", "00-1")
    assert headers["sfm-waits-since"] >= headers["sfm-first-at"]
    accepted = [labels["acceptance"] for _, _, labels in harness.telemetry.counted]
    assert accepted == ["applied", "known", "waiting"]


async def test_a_link_that_was_put_back_keeps_its_times(harness: Harness) -> None:
    first, since = ago(300), ago(30)
    await harness.writer.handle(
        [
            given(
                linked(),
                sfm_root="memory.events/3/14",
                sfm_first_at=first,
                sfm_waits_since=since,
                sfm_tries="7",
            )
        ]
    )
    assert harness.taken.headers() == [
        {
            "sfm-root": "memory.events/3/14",
            "sfm-first-at": first,
            "sfm-waits-since": since,
            "sfm-tries": "8",
        }
    ]


@pytest.mark.parametrize("what", [EventType.LINKED, EventType.UNLINKED])
async def test_after_its_time_a_link_is_refused_and_the_others_of_its_batch_come_again(
    harness: Harness, what: EventType
) -> None:
    over = given(linked("8", "9", what), sfm_waits_since=ago(61))
    with pytest.raises(Poison) as caught:
        await harness.writer.handle([given(linked()), over, *map(given, ends("1"))])
    assert list(caught.value.offenders) == [1]
    assert caught.value.offenders[1].startswith("/link no")
    assert harness.taken.messages == [], "what is put back now would be put back twice"
    assert harness.store.log(NAMESPACE) == []


async def test_a_link_of_an_old_backlog_gets_its_time(harness: Harness) -> None:
    old = linked(at=datetime.now(UTC) - timedelta(hours=3))
    await harness.writer.handle([given(old)])
    assert len(harness.taken.messages) == 1


async def test_events_of_one_link_stay_in_order(harness: Harness) -> None:
    first, last = linked(), linked(what=EventType.UNLINKED)
    other = linked("3", "4")
    await harness.writer.handle(
        [given(one) for one in [first, *ends("1", "3", "4"), other, last, first]]
    )
    assert [one.event_id for one in harness.taken.events()] == [first.event_id, last.event_id]
    assert harness.links() == {("3", "4"): True}
    again = harness.taken.events()
    await harness.writer.handle([given(one) for one in [*ends("2"), *again]])
    assert harness.links()["1", "2"] is False


async def test_a_link_that_waited_through_an_erasure_is_not_made(harness: Harness) -> None:
    waiting = linked(at=datetime.now(UTC) + timedelta(hours=1))
    first = ago(1)
    await harness.writer.handle([given(one) for one in ends("1", "2")])
    await InMemoryEraser(harness.store).erase(NAMESPACE)
    later = datetime.now(UTC) + timedelta(hours=1)
    new = [replace(one, at=later) for one in ends("1", "2")]
    await harness.writer.handle([given(one) for one in new])
    await harness.writer.handle([given(waiting, sfm_first_at=first, sfm_waits_since=first)])
    assert harness.links() == {}
    assert harness.telemetry.counted[-1][2] == {"acceptance": "stale"}


class TestClaims:
    """Anybody can write headers."""

    def wait(self, **headers: str) -> tuple[Wait, datetime]:
        record = given(linked(), **headers).record
        return Wait.of(record), record.at

    def test_no_time_later_than_the_transports_counts(self) -> None:
        wait, taken_at = self.wait(sfm_first_at=ago(-1000), sfm_waits_since=ago(-1000))
        assert (wait.first_at, wait.since) == (taken_at, taken_at)

    @pytest.mark.parametrize("nonsense", ["", "never", "-1", "٣", "9" * 5000, "\x00"])
    def test_nonsense_is_as_nothing(self, nonsense: str) -> None:
        wait, taken_at = self.wait(
            sfm_first_at=nonsense, sfm_waits_since=nonsense, sfm_tries=nonsense
        )
        assert wait == Wait(first_at=taken_at)

    @pytest.mark.parametrize("tries", [0, 3, 999])
    def test_the_pause_grows_up_to_half_a_second(self, tries: int) -> None:
        wait, _ = self.wait(sfm_tries=str(tries))
        assert wait.pause_s() == min(0.5, 0.1 * 2**tries)
