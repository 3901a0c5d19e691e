"""Expiry, pruning and decay of a namespace: planned, then done, each effect by itself."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, final

from sfm_core.coordinates import Coordinate
from sfm_core.errors import Conflict, SfmError, Unavailable
from sfm_core.model import (
    Delete,
    Effect,
    EffectKind,
    EventType,
    Precondition,
    Stamp,
    UpkeepReport,
    Write,
    Written,
)
from sfm_core.ports import (
    AccessStore,
    ChangeFeed,
    Clock,
    Embedder,
    JobLocks,
    NoTelemetry,
    ReceiptStore,
    RecordStore,
    Telemetry,
    UpkeepRows,
)
from sfm_core.remember import Commits
from sfm_core.timing import timed
from sfm_core.upkeep.fade import Fader
from sfm_core.upkeep.plan import Plan, Planner, UpkeepPolicy

_LOG: Final = logging.getLogger(__name__)
_JOB: Final = "upkeep"
_ANOTHER: Final = "another run is going on in this namespace"
_RECEIPTS: Final = 1000
_CHUNK: Final = 50
"""Effects of one transaction: few, since a batch holds off the namespace's other batches."""


@final
class Upkeep:
    """What time does to the memories of a namespace.

    Memories past `expires_at` become tombstones (event `expired`), those above the greatest
    number are deleted (`deleted`), and keys of aged payloads go (`decayed`). Each is one event
    of one memory and can be undone with a restore. An effect happens only to the version it was
    planned for: whoever writes in between wins. Runs again without anything due do nothing.
    """

    def __init__(
        self,
        *,
        rows: UpkeepRows,
        feed: ChangeFeed,
        accesses: AccessStore,
        receipts: ReceiptStore,
        locks: JobLocks,
        records: RecordStore,
        embedder: Embedder,
        commits: Commits,
        clock: Clock,
        policy: UpkeepPolicy | None = None,
        telemetry: Telemetry | None = None,
        at_once: int = 1,
    ) -> None:
        """`at_once`: runs of this process, whatever the namespaces; a run may hold two
        connections, so it is to be well below half of what there are.
        """
        self._rows = rows
        self._feed = feed
        self._accesses = accesses
        self._receipts = receipts
        self._locks = locks
        self._records = records
        self._fader = Fader(records=records, embedder=embedder)
        self._commits = commits
        self._clock = clock
        self._policy = policy or UpkeepPolicy()
        self._telemetry = telemetry or NoTelemetry()
        self._at_once = at_once
        self._running: list[tuple[str, bool]] = []

    async def run(self, namespace: str, *, dry_run: bool = False) -> UpkeepReport:
        """Do what is due, at most `plan.MAX_EFFECTS` of it, and tell exactly what was done.

        A dry run tells what would be done, and the same happens when nothing intervenes.

        Raises:
            Conflict: another run is going on in this namespace, or it was erased meanwhile.
            Unavailable: as many runs as may go on in this process already, and nothing was done;
                or the store or the embedder does not answer: what was done until then stays
                done, and the next run goes on.
        """
        with self._a_place(namespace, is_dry=dry_run):
            return await self._run(namespace, dry_run=dry_run)

    @contextmanager
    def _a_place(self, namespace: str, *, is_dry: bool) -> Iterator[None]:
        """One of the runs that may go on at once; nobody waits for one."""
        if (namespace, False) in self._running and not is_dry:
            raise Conflict(_ANOTHER)
        if len(self._running) >= self._at_once:
            raise Unavailable("too many runs of upkeep go on in this process")
        self._running.append((namespace, is_dry))
        try:
            yield
        finally:
            self._running.remove((namespace, is_dry))

    async def _run(self, namespace: str, *, dry_run: bool) -> UpkeepReport:
        if dry_run:
            plan = await self._planned(namespace)
            return _report(plan, plan.effects, dry_run=True)
        with timed(self._telemetry, "upkeep_duration_seconds"):
            async with self._locks.held(namespace, _JOB) as is_ours:
                if not is_ours:
                    raise Conflict(_ANOTHER)
                generation = await self._commits.generation(namespace)
                plan = await self._planned(namespace)
                done = await self._do(namespace, plan.effects, generation)
                await self._accesses.sweep(namespace)
        return _report(plan, done, dry_run=False)

    async def run_namespaces(self) -> Mapping[str, int]:
        """Do all that is due in every namespace; what fails in one is logged and left.

        How many effects there were of each kind.

        Raises:
            Unavailable: the store does not answer at all.
        """
        done = Counter[str]()
        for namespace in await self._records.namespaces():
            try:
                report = await self.run(namespace)
                done.update(effect.kind for effect in report.effects)
                while not report.complete and report.effects:
                    report = await self.run(namespace)
                    done.update(effect.kind for effect in report.effects)
            except Conflict:
                continue  # whoever runs there does it
            except SfmError as error:
                _LOG.warning("upkeep.failed", extra={"kind": error.kind, "detail": error.detail})
            else:
                if report.over_limit:
                    _LOG.warning("upkeep.over_limit", extra={"memories": report.over_limit})
        return done

    async def old_receipts(self) -> int:
        """How many idempotency keys a sweep would forget now.

        Raises:
            Unavailable: the store does not answer.
        """
        return await self._receipts.old_receipts(
            before=self._clock.now() - self._policy.receipt_ttl
        )

    async def sweep_receipts(self) -> int:
        """Forget the idempotency keys, of every namespace, older than `policy.receipt_ttl`.

        In portions, each a transaction. How many were forgotten.

        Raises:
            Unavailable: the store does not answer; the next sweep goes on.
        """
        before, swept = self._clock.now() - self._policy.receipt_ttl, 0
        while True:
            gone = await self._receipts.sweep_receipts(before=before, limit=_RECEIPTS)
            swept += gone
            if gone < _RECEIPTS:
                return swept

    async def _planned(self, namespace: str) -> Plan:
        planner = Planner(
            rows=self._rows,
            feed=self._feed,
            policy=self._policy,
            namespace=namespace,
            now=self._clock.now(),
        )
        return await planner.plan()

    async def _do(self, namespace: str, effects: Sequence[Effect], generation: int) -> list[Effect]:
        """Those of the effects that took place, in their order."""
        done: list[Effect] = []
        for start in range(0, len(effects), _CHUNK):
            chunk = effects[start : start + _CHUNK]
            writes = await self._writes(namespace, chunk)
            planned = [effect for effect in chunk if effect.coordinate in writes]
            if not planned:
                continue
            applied = await self._commits.commit(
                namespace, [writes[e.coordinate] for e in planned], generation=generation
            )
            for effect, outcome in zip(planned, applied.outcomes, strict=True):
                if isinstance(outcome, Written) and outcome.changed:
                    done.append(effect)
                    self._telemetry.count("upkeep_effects_total", effect=effect.kind)
        return done

    async def _writes(self, namespace: str, chunk: Sequence[Effect]) -> dict[Coordinate, Write]:
        """By coordinate; what is no longer the version that was planned for may have none."""
        decays = {e.coordinate: e for e in chunk if e.kind is EffectKind.DECAYED}
        burials = [effect for effect in chunk if effect.kind is not EffectKind.DECAYED]
        return {
            **{effect.coordinate: _burial(effect) for effect in burials},
            **await self._fader.writes(namespace, decays),
        }


def _report(plan: Plan, effects: Sequence[Effect], *, dry_run: bool) -> UpkeepReport:
    return UpkeepReport(
        dry_run=dry_run,
        effects=tuple(effects),
        complete=plan.complete,
        over_limit=plan.over_limit,
    )


def _burial(effect: Effect) -> Delete:
    stamp = Stamp(event=EventType.EXPIRED) if effect.kind is EffectKind.EXPIRED else None
    return Delete(
        coordinate=effect.coordinate,
        precondition=Precondition(version=effect.version),
        stamp=stamp,
    )
