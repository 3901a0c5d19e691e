"""Upkeep over the in-memory store: what a run does, by its effects."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_erase import InMemoryEraser
from sfm_core.adapters.inmemory_events import InMemoryEvents
from sfm_core.adapters.inmemory_upkeep import InMemoryUpkeep
from sfm_core.coordinates import Coordinate
from sfm_core.errors import Conflict, Unavailable
from sfm_core.model import (
    Applied,
    Effect,
    EffectKind,
    EventType,
    Memory,
    MemoryDraft,
    Receipt,
    UpkeepReport,
    Write,
)
from sfm_core.remember import Commits, Remember
from sfm_core.testing.fakes import (
    CountingEmbedder,
    InlineJobs,
    ManualClock,
    NoViews,
    RecordingTelemetry,
)
from sfm_core.testing.writes import an_upsert, at
from sfm_core.upkeep import plan
from sfm_core.upkeep.accesses import Accesses
from sfm_core.upkeep.plan import UpkeepPolicy
from sfm_core.upkeep.rules import DecayPolicy, Level
from sfm_core.upkeep.use_case import Upkeep

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
NS = "demo"
DECAY = DecayPolicy(
    levels=(
        Level(age=2 * DAY, keys=frozenset({"raw", "must"})),
        Level(age=5 * DAY, keys=frozenset({"detail"})),
    ),
    required=frozenset({"must"}),
    protect_above=5.0,
)
PAYLOAD = {"raw": "wires", "must": "stay", "gist": "tea", "detail": "at four"}


class Interrupted(InMemoryStore):
    """Lets somebody in right before the next write, or before or after the next reading."""

    before_apply: Callable[[], Awaitable[object]] | None = None
    before_get: Callable[[], Awaitable[object]] | None = None
    after_get: Callable[[], Awaitable[object]] | None = None

    async def apply(self, namespace: str, writes: Sequence[Write], **rest: Any) -> Applied:
        if (intruder := self.before_apply) is not None:
            self.before_apply = None
            await intruder()
        return await super().apply(namespace, writes, **rest)

    async def get(self, namespace: str, coordinates: Any) -> Mapping[Coordinate, Memory]:
        if (intruder := self.before_get) is not None:
            self.before_get = None
            await intruder()
        found = await super().get(namespace, coordinates)
        if (intruder := self.after_get) is not None:
            self.after_get = None
            await intruder()
        return found


@dataclass
class Bench:
    store: Interrupted
    rows: InMemoryUpkeep
    embedder: CountingEmbedder
    clock: ManualClock
    remember: Remember
    upkeep: Upkeep
    telemetry: RecordingTelemetry

    async def put(self, where: str, payload: Mapping[str, Any] | None = None, **said: Any) -> None:
        draft = MemoryDraft(payload=PAYLOAD if payload is None else payload, **said)
        await self.remember.store(NS, at(where), draft)

    async def live(self) -> dict[str, Memory]:
        found = [event.coordinate for event in self.store.log(NS)]
        memories = await self.store.get(NS, found)
        return {memory.coordinate.text: memory for memory in memories.values()}

    def types(self, where: str) -> list[EventType]:
        return [e.type for e in self.store.log(NS) if e.coordinate.text == where]

    async def run(self, *, dry_run: bool = False) -> UpkeepReport:
        return await self.upkeep.run(NS, dry_run=dry_run)


def a_bench(policy: UpkeepPolicy | None = None) -> Bench:
    store, embedder = Interrupted(), CountingEmbedder()
    # The store's own clock runs: what is stored below is an hour old, a little less each time.
    clock, rows = ManualClock(datetime.now(UTC) + HOUR), InMemoryUpkeep(store)
    telemetry = RecordingTelemetry()
    commits = Commits(records=store, embedder=embedder, applied=NoViews(), jobs=InlineJobs())
    upkeep = Upkeep(
        rows=rows,
        feed=store,
        accesses=rows,
        receipts=rows,
        locks=rows,
        records=store,
        embedder=embedder,
        commits=commits,
        clock=clock,
        policy=policy or UpkeepPolicy(decay=DECAY),
        telemetry=telemetry,
    )
    remember = Remember(records=store, embedder=embedder, clock=clock, commits=commits)
    return Bench(store, rows, embedder, clock, remember, upkeep, telemetry)


def told(report: UpkeepReport) -> list[tuple[str, int, str, tuple[str, ...]]]:
    return [(e.coordinate.text, e.version, e.kind.value, e.removed) for e in report.effects]


async def test_keys_go_level_by_level_and_the_versions_before_stay_in_the_log() -> None:
    bench = a_bench()
    await bench.put("1", importance=2.0, tags=("t",), session="s", source="Ada")
    bench.clock.advance(DAY)
    assert told(await bench.run()) == []
    bench.clock.advance(DAY)
    assert told(await bench.run()) == [("1", 1, "decayed", ("raw",))]
    bench.clock.advance(2.9 * DAY)
    assert told(await bench.run()) == []
    bench.clock.advance(0.1 * DAY)
    assert told(await bench.run()) == [("1", 2, "decayed", ("detail",))]
    [memory] = (await bench.live()).values()
    assert memory.draft == MemoryDraft(
        payload={"must": "stay", "gist": "tea"},
        importance=2.0,
        tags=("t",),
        session="s",
        source="Ada",
    )
    assert (memory.version, memory.text) == (3, "tea\nstay")
    assert bench.types("1") == ["created", "decayed", "decayed"]
    [first] = [e for e in bench.store.log(NS) if e.version == 1]
    assert first.memory is not None
    assert first.memory.draft.payload == PAYLOAD
    assert [name for name, *_ in bench.telemetry.counted] == ["upkeep_effects_total"] * 2


async def test_pinned_and_important_memories_do_not_decay() -> None:
    bench = a_bench()
    await bench.put("1", pinned=True)
    await bench.put("2", importance=5.1)
    await bench.put("3", importance=5.0)
    await bench.put("4", payload={"gist": "tea"})
    bench.clock.advance(9 * DAY)
    assert told(await bench.run()) == [("3", 1, "decayed", ("detail", "raw"))]


async def test_a_decayed_memory_is_found_by_what_is_left_of_it() -> None:
    bench = a_bench()
    await bench.put("1")
    bench.clock.advance(9 * DAY)
    await bench.run()
    [row] = await bench.store.view_rows(
        NS,
        [(await bench.live())["1"].id],
        model_revision=bench.embedder.info.model_revision,
    )
    [wanted] = await bench.embedder.embed(["tea\nstay"])
    assert row.vector is not None
    assert row.vector.tolist() == wanted.tolist()


async def test_nothing_is_embedded_when_what_is_searched_stays_the_same() -> None:
    bench = a_bench()
    await bench.put("1", text="tea at four")
    bench.clock.advance(9 * DAY)
    bench.embedder.texts.clear()
    assert len((await bench.run()).effects) == 1
    assert bench.embedder.texts == []
    [row] = await bench.store.view_rows(
        NS,
        [(await bench.live())["1"].id],
        model_revision=bench.embedder.info.model_revision,
    )
    [wanted] = await bench.embedder.embed(["tea at four"])
    assert row.vector is not None
    assert row.vector.tolist() == wanted.tolist()


async def test_what_was_said_again_is_young_again() -> None:
    bench = a_bench()
    await bench.put("1", occurred_at=bench.clock.now() - 900 * DAY)
    bench.clock.advance(DAY)
    assert told(await bench.run()) == []
    bench.clock.advance(DAY)
    assert len(told(await bench.run())) == 1


async def test_expired_memories_become_tombstones_whatever_else_is_due() -> None:
    bench = a_bench()
    now = bench.clock.now()
    await bench.put("1", expires_at=now + DAY, pinned=True)
    await bench.put("2", expires_at=now + 9.5 * DAY)
    bench.clock.advance(9 * DAY)
    assert told(await bench.run()) == [
        ("1", 1, "expired", ()),
        ("2", 1, "decayed", ("detail", "raw")),
    ]
    assert bench.types("1") == ["created", "expired"]
    assert set(await bench.live()) == {"2"}
    assert told(await bench.run()) == []


async def test_the_least_important_go_until_as_many_are_left_as_may_be() -> None:
    bench = a_bench(UpkeepPolicy(max_memories=3))
    for where, importance in (("1", 3.0), ("2", 1.0), ("3", 2.0), ("4", 0.0), ("5", 4.0)):
        await bench.put(where, importance=importance)
    assert told(await bench.run()) == [("4", 1, "pruned", ()), ("2", 1, "pruned", ())]
    assert set(await bench.live()) == {"1", "3", "5"}
    assert bench.types("4") == ["created", "deleted"]
    assert told(await bench.run()) == []


async def test_of_equally_important_ones_those_go_that_were_not_recalled_or_read() -> None:
    bench = a_bench(UpkeepPolicy(max_memories=2))
    for where in ("1", "2", "3", "4"):
        await bench.put(where)
    live = await bench.live()
    bench.clock.advance(DAY)
    accesses = Accesses(store=bench.rows, clock=bench.clock)
    accesses.note(NS, [live["1"].id, live["3"].id])
    await accesses.flush()
    assert [where for where, *_ in told(await bench.run())] == ["2", "4"]


async def test_the_counts_of_what_is_gone_go_too() -> None:
    bench = a_bench()
    for where in ("1", "2"):
        await bench.put(where)
    ids = [memory.id for memory in (await bench.live()).values()]
    accesses = Accesses(store=bench.rows, clock=bench.clock)
    accesses.note(NS, ids)
    await accesses.flush()
    await bench.remember.delete(NS, at("1"))
    await bench.run(dry_run=True)
    assert set(await bench.rows.counted(NS, ids)) == set(ids)
    await bench.run()
    assert set(await bench.rows.counted(NS, ids)) == {ids[1]}


async def test_pinned_memories_are_never_pruned_and_too_many_of_them_are_told() -> None:
    bench = a_bench(UpkeepPolicy(max_memories=1))
    for where in ("1", "2", "3"):
        await bench.put(where, pinned=True, importance=0.0)
    await bench.put("4", importance=9.0)
    report = await bench.run()
    assert told(report) == [("4", 1, "pruned", ())]
    assert (report.complete, report.over_limit) == (True, 2)
    again = await bench.run()
    assert (told(again), again.complete, again.over_limit) == ([], True, 2)


async def test_a_dry_run_changes_nothing() -> None:
    bench = a_bench(UpkeepPolicy(decay=DECAY, max_memories=2))
    await bench.put("1", expires_at=bench.clock.now() + DAY)
    for where in ("2", "3", "4"):
        await bench.put(where)
    bench.clock.advance(9 * DAY)
    before = list(bench.store.log(NS))
    report = await bench.run(dry_run=True)
    assert [(where, kind) for where, _, kind, _ in told(report)] == [
        ("1", "expired"),
        ("2", "pruned"),
        ("3", "decayed"),
        ("4", "decayed"),
    ]
    assert report.dry_run
    assert list(bench.store.log(NS)) == before
    assert (await bench.run()).effects == report.effects


async def test_a_run_does_so_much_and_says_that_there_is_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plan, "MAX_EFFECTS", 3)
    monkeypatch.setattr(plan, "PAGE", 2)
    bench = a_bench(UpkeepPolicy(decay=DECAY, max_memories=6))
    for n in range(5):
        await bench.put(str(n), expires_at=bench.clock.now() + DAY)
    for n in range(5, 13):
        await bench.put(str(n))
    bench.clock.advance(9 * DAY)
    seen: list[Effect] = []
    completes = []
    for _ in range(5):
        report = await bench.run()
        seen += report.effects
        completes.append(report.complete)
    assert [len([e for e in seen if e.kind is kind]) for kind in EffectKind] == [5, 2, 6]
    assert completes == [False, False, False, False, True]
    assert not (await bench.run()).effects


async def test_it_all_runs_through_without_being_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plan, "MAX_EFFECTS", 2)
    bench = a_bench()
    for n in range(7):
        await bench.put(str(n))
    bench.clock.advance(9 * DAY)
    await bench.upkeep.run_namespaces()
    assert all("raw" not in m.draft.payload for m in (await bench.live()).values())


@pytest.mark.parametrize(
    ("moment", "kind"),
    [
        ("before_apply", "expired"),
        ("before_apply", "pruned"),
        ("before_apply", "decayed"),
        ("before_get", "decayed"),
        ("after_get", "decayed"),
    ],
)
async def test_a_write_between_plan_and_deed_wins(moment: str, kind: str) -> None:
    policy = UpkeepPolicy(max_memories=2) if kind == "pruned" else UpkeepPolicy(decay=DECAY)
    bench = a_bench(policy)
    expires = bench.clock.now() + DAY if kind == "expired" else None
    await bench.put("1", importance=0.0, expires_at=expires)
    for where in ("2", "3"):
        await bench.put(where, importance=1.0, expires_at=expires)
    bench.clock.advance(9 * DAY)
    said = {"raw": "said just now"}
    setattr(bench.store, moment, lambda: bench.put("1", said))
    report = await bench.run()
    assert "1" not in [where for where, *_ in told(report)]
    assert len(report.effects) == (0 if kind == "pruned" else 2)
    assert (await bench.live())["1"].draft.payload == said


async def test_what_was_planned_before_an_erasure_does_not_happen_to_what_came_after() -> None:
    bench = a_bench()
    await bench.put("1")
    bench.clock.advance(9 * DAY)

    async def erase_and_store() -> None:
        await InMemoryEraser(bench.store).erase(NS)
        await bench.store.apply(NS, [an_upsert("1", payload=PAYLOAD)])

    bench.store.before_get = erase_and_store
    with pytest.raises(Conflict):
        await bench.run()
    memory = (await bench.live())["1"]
    assert (memory.version, memory.draft.payload) == (1, PAYLOAD)


async def test_two_runs_at_once_do_everything_once() -> None:
    bench = a_bench()
    for n in range(4):
        await bench.put(str(n))
    bench.clock.advance(9 * DAY)
    refused: list[Exception] = []

    async def other() -> None:
        try:
            await bench.run()
        except Conflict as error:
            refused.append(error)

    bench.store.before_apply = other
    assert len((await bench.run()).effects) == 4
    assert len(refused) == 1
    assert bench.types("0") == ["created", "decayed"]


async def test_an_outage_comes_out_and_the_next_run_goes_on() -> None:
    bench = a_bench()
    await bench.put("1")
    bench.clock.advance(9 * DAY)

    async def down() -> None:
        raise Unavailable("the store does not answer")

    bench.store.before_apply = down
    with pytest.raises(Unavailable):
        await bench.run()
    bench.store.before_apply = down
    await bench.upkeep.run_namespaces()
    assert bench.types("1") == ["created"]
    assert len((await bench.run()).effects) == 1


async def test_decay_tells_the_normaliser_nothing() -> None:
    bench = a_bench()
    for n in range(4):
        await bench.put(str(n), importance=float(n))
    before = await bench.store.samples(NS, limit=512)
    bench.clock.advance(9 * DAY)
    await bench.run()
    after = await bench.store.samples(NS, limit=512)
    assert before[0] == after[0]
    assert after[1] == before[1] + 4


payloads = st.dictionaries(
    st.sampled_from(["raw", "must", "gist", "detail"]), st.text("ab ", max_size=3)
)
a_memory = st.fixed_dictionaries(
    {
        "payload": payloads,
        "importance": st.sampled_from([0.0, 1.0, 2.0, 6.0]),
        "pinned": st.booleans(),
        "expires_in": st.sampled_from([None, 0.5, 3.0, 30.0]),
        "age": st.sampled_from([0.0, 1.0, 4.0]),
        "seen": st.booleans(),
    }
)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(a_memory, max_size=12),
    st.sampled_from([0, 1, 3, 6]),
    st.sampled_from([0.0, 1.0, 3.0, 6.0]),
)
def test_a_dry_run_tells_exactly_what_then_happens(
    memories: list[dict[str, Any]], most: int, days: float
) -> None:
    anyio.run(_dry_and_wet, memories, most, days)


async def _dry_and_wet(memories: list[dict[str, Any]], most: int, days: float) -> None:
    bench = a_bench(UpkeepPolicy(decay=DECAY, max_memories=most))
    for n, one in enumerate(memories):
        expires = one["expires_in"]
        await bench.put(
            str(n),
            one["payload"],
            importance=one["importance"],
            pinned=one["pinned"],
            expires_at=None if expires is None else bench.clock.now() + expires * DAY,
            occurred_at=bench.clock.now() - one["age"] * DAY,
        )
    before = await bench.live()
    accesses = Accesses(store=bench.rows, clock=bench.clock)
    accesses.note(NS, [before[str(n)].id for n, one in enumerate(memories) if one["seen"]])
    await accesses.flush()
    bench.clock.advance(days * DAY)
    dry = await bench.run(dry_run=True)
    assert await bench.live() == before
    wet = await bench.run()
    assert replace(dry, dry_run=False) == wet
    after = await bench.live()
    for effect in wet.effects:
        where = effect.coordinate.text
        if effect.kind is EffectKind.DECAYED:
            gone = set(before[where].draft.payload) - set(after[where].draft.payload)
            assert gone == set(effect.removed)
        else:
            assert where not in after
    touched = {effect.coordinate.text for effect in wet.effects}
    assert {w: m for w, m in before.items() if w not in touched} == {
        w: m for w, m in after.items() if w not in touched
    }
    again = await bench.run()
    assert (again.effects, again.over_limit) == ((), wet.over_limit)
    log = InMemoryEvents(bench.store)
    for effect in wet.effects:
        event = await log.at_version(NS, effect.coordinate, effect.version)
        assert event is not None
        assert event.memory == before[effect.coordinate.text]


async def test_idempotency_keys_are_forgotten_when_their_time_is_over() -> None:
    bench = a_bench(UpkeepPolicy(receipt_ttl=2 * DAY))
    said, receipt = MemoryDraft(payload={"a": 1}), Receipt(key="k", fingerprint=b"f")
    await bench.remember.store(NS, at("1"), said, receipt=receipt)
    bench.clock.set(datetime.now(UTC) + 2 * DAY - HOUR)
    await bench.upkeep.sweep_receipts()
    assert (await bench.remember.store(NS, at("1"), said, receipt=receipt)).replayed
    bench.clock.set(datetime.now(UTC) + 2 * DAY + HOUR)
    await bench.upkeep.sweep_receipts()
    assert not (await bench.remember.store(NS, at("1"), said, receipt=receipt)).replayed
