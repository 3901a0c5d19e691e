"""The audit: whether the projections are as the record store, and mending where they are not."""

import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass, field
from itertools import batched
from typing import Final, final
from uuid import UUID

import anyio

from sfm_core.model import (
    Digest,
    JobName,
    JobReport,
    LedgerRow,
    LedgerSum,
    PointsRebuilt,
    Repair,
    RepairKind,
)
from sfm_core.ports import Embedder, Eraser, Ledger, NoTelemetry, Telemetry, VectorStore
from sfm_core.reconcile.indexing import Indexing
from sfm_core.reconcile.slabs import Slabs
from sfm_core.reconcile.verdicts import Difference, Held, difference, lacking
from sfm_core.reconcile.walking import PAGE, Walk

_LOG: Final = logging.getLogger(__name__)

MAX_REPAIRS: Final = 500
"""Of one run; a repair may cost an embedding, and a call has a deadline."""
SETTLE_S: Final = 1.0
"""Between the two looks: what a write in hand takes to come to the index."""
_ONE_BY_ONE: Final = 32
"""So many are looked at again each by itself; if there are more, all are read again."""
_LOGGED: Final = 40

type Differences = dict[UUID, Difference]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What lasted from the first look to the second."""

    of: Differences = field(default_factory=dict)
    complete: bool = True
    reload: Slabs | None = None
    """Where the view of this process differs."""
    waited_s: float = 0.0


@final
class Parity:
    """Compares digests first, and ids only where those differ.

    A difference counts when it is there at two looks, `settle_s` apart: what vanished was a
    write under way. PostgreSQL wins: what the index lacks or has as of an older position is put
    there, what it shows of a memory that lives no more gets its tombstone, what the record
    store does not know is removed. Memories without a vector of the model in use are embedded,
    also where there is no index. A view of this process that differs is loaded anew.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        embedder: Embedder,
        indexing: Indexing,
        vectors: VectorStore | None = None,
        eraser: Eraser | None = None,
        slabs: Slabs | None = None,
        telemetry: Telemetry | None = None,
        settle_s: float = SETTLE_S,
    ) -> None:
        self._ledger = ledger
        self._embedder = embedder
        self._indexing = indexing
        self._vectors = vectors
        self._eraser = eraser
        self._slabs = slabs
        self._telemetry = telemetry or NoTelemetry()
        self._settle_s = settle_s

    async def run(
        self,
        namespace: str,
        *,
        dry_run: bool = False,
        but: Collection[UUID] = (),
        views: bool = True,
        limit: int = 0,
    ) -> JobReport:
        """Mend what differs, at most `limit` (`MAX_REPAIRS`) of it, and tell exactly what was done.

        Memories in `but` are passed over: something else is done about them. `views`: compare
        the view of this process, too.

        Raises:
            Conflict: the namespace was erased again and again meanwhile.
            Unavailable: a store or the embedder does not answer; what was mended stays.
        """
        slabs = self._slabs if views else None
        found = await self._found(namespace, frozenset(but), slabs, limit or MAX_REPAIRS)
        planned = [Repair(id=id_, kind=one.kind) for id_, one in sorted(found.of.items())]
        if dry_run:
            return _report(planned, found)
        for repair in planned:
            self._telemetry.count("parity_differences_total", effect=repair.kind)
        done = await self._mended(namespace, found.of)
        if found.reload is not None:
            self._telemetry.count("parity_differences_total", effect=RepairKind.RELOADED)
            await found.reload.reload(namespace)
        repairs = [Repair(id=id_, kind=kind) for id_, kind in sorted(done.items())]
        report = _report(repairs, found)
        _tell(namespace, report)
        return report

    async def rebuild(self, namespace: str) -> PointsRebuilt | None:
        """Put every memory and tombstone into the index, and remove from it what is foreign.

        Digests of the index before and after, and of the record store; None: there is no index.

        Raises:
            Conflict, Unavailable: as `run`.
        """
        if self._vectors is None:
            return None
        await self._unbarred(namespace)
        before = await self._vectors.digest(namespace)
        await self._filled(namespace, self._vectors, lambda _held, _row: True)
        return await self._compared(namespace, self._vectors, before)

    async def begun(self, namespace: str) -> Digest | None:
        """The index's digest, before a rebuilding in portions; None: there is no index."""
        if self._vectors is None:
            return None
        await self._unbarred(namespace)
        return await self._vectors.digest(namespace)

    async def bring(self, namespace: str, ids: Collection[UUID]) -> None:
        """A portion of a rebuilding: put these memories into the index, where there is one.

        Raises:
            Conflict, Unavailable: as `run`.
        """
        if self._vectors is not None:
            await self._indexing.bring(namespace, ids)

    async def ended(self, namespace: str, before: Digest) -> PointsRebuilt | None:
        """What the portions did not see to: tombstones, and what is foreign; then as `rebuild`.

        Raises:
            Conflict, Unavailable: as `run`.
        """
        if self._vectors is None:
            return None
        await self._filled(
            namespace,
            self._vectors,
            lambda held, row: row is None or row.deleted or difference(held, row) is not None,
        )
        return await self._compared(namespace, self._vectors, before)

    async def _filled(
        self,
        namespace: str,
        vectors: VectorStore,
        wanted: Callable[[Held | None, LedgerRow | None], bool],
    ) -> None:
        portion: Differences = {}
        async for id_, held, row in self._walk(namespace, vectors).pairs():
            if not wanted(held, row):
                continue
            kind = RepairKind.REMOVED if row is None else RepairKind.PUT
            ahead = held is not None and row is not None and held.position > row.position
            portion[id_] = Difference(kind, ahead)
            if len(portion) == PAGE:
                await self._mended(namespace, portion)
                portion = {}
        await self._mended(namespace, portion)

    async def _compared(
        self, namespace: str, vectors: VectorStore, before: Digest
    ) -> PointsRebuilt:
        after = await vectors.digest(namespace)
        return PointsRebuilt(before=before, after=after, truth=(await self._sums(namespace)).points)

    async def _found(
        self, namespace: str, but: Collection[UUID], slabs: Slabs | None, limit: int
    ) -> _Found:
        suspect = not await self._agree(namespace)
        differs = slabs is not None and await slabs.differs(namespace)
        first, complete = await self._looked(namespace, but, limit) if suspect else ({}, True)
        if not first and not differs:
            return _Found()
        await anyio.sleep(self._settle_s)
        again = differs and slabs is not None and await slabs.differs(namespace)
        return _Found(
            of=await self._again(namespace, first) if first else {},
            complete=complete,
            reload=slabs if again else None,
            waited_s=self._settle_s,
        )

    async def _agree(self, namespace: str) -> bool:
        if self._vectors is None:
            return not (await self._sums(namespace)).unembedded
        held = await self._vectors.digest(namespace)
        sums = await self._sums(namespace)
        return held == sums.points and not sums.unembedded

    async def _looked(
        self, namespace: str, but: Collection[UUID], limit: int
    ) -> tuple[Differences, bool]:
        """The first differences by id, at most `limit`, and whether these are all."""
        found: Differences = {}
        async for id_, one in self._differences(namespace):
            if id_ in but:
                continue
            if len(found) == limit:
                return found, False
            found[id_] = one
        return found, True

    async def _again(self, namespace: str, first: Differences) -> Differences:
        """Those of the differences that are still the same."""
        if self._vectors is not None and len(first) <= _ONE_BY_ONE:
            walk = self._walk(namespace, self._vectors)
            now = {id_: difference(*(await walk.pair(id_))[1:]) for id_ in first}
            return {id_: one for id_, one in first.items() if now[id_] == one}
        last = max(first)
        found: Differences = {}
        async for id_, one in self._differences(namespace):
            if id_ > last:
                break
            if first.get(id_) == one:
                found[id_] = one
        return found

    async def _differences(self, namespace: str) -> AsyncIterator[tuple[UUID, Difference]]:
        if self._vectors is not None:
            async for id_, held, row in self._walk(namespace, self._vectors).pairs():
                if (one := difference(held, row)) is not None:
                    yield id_, one
            return
        after: UUID | None = None
        while page := await self._ledger.rows(
            namespace, model_revision=self._revision, after=after, limit=PAGE
        ):
            for row in page:
                if (one := lacking(row)) is not None:
                    yield row.id, one
            after = page[-1].id

    async def _mended(self, namespace: str, found: Differences) -> Mapping[UUID, RepairKind]:
        """What became of each; one to which nothing had to be done any more has no entry."""
        if found:
            await self._unbarred(namespace)
        gone = [id_ for id_, one in found.items() if one.ahead or one.kind is RepairKind.REMOVED]
        if gone and self._vectors is not None:
            await self._vectors.remove(namespace, gone)
        # those that were removed too: what was stored in between must not be missing
        done = await self._indexing.bring(namespace, found)
        removed = {
            id_: RepairKind.REMOVED
            for id_, one in found.items()
            if one.kind is RepairKind.REMOVED and id_ not in done
        }
        return done | removed

    async def _unbarred(self, namespace: str) -> None:
        """Let the index take what the log has, though it remembers an erasure that the log does
        not: the record store was restored from a backup.

        The index is asked first: an erasure that comes in between is in the log before it is there.
        """
        if self._vectors is None or self._eraser is None:
            return
        floor = await self._vectors.floor(namespace)
        if not floor or floor <= (last := await self._eraser.last(namespace)):
            return
        _LOG.warning("parity.floor_lowered", extra={"namespace": namespace, "to": last})
        await self._vectors.lower(namespace, position=last)
        if (newest := await self._eraser.last(namespace)) > last:
            await self._vectors.forget(namespace, position=newest)

    async def _sums(self, namespace: str) -> LedgerSum:
        return await self._ledger.sums(namespace, model_revision=self._revision)

    def _walk(self, namespace: str, vectors: VectorStore) -> Walk:
        return Walk(
            ledger=self._ledger,
            vectors=vectors,
            namespace=namespace,
            model_revision=self._revision,
        )

    @property
    def _revision(self) -> str:
        return self._embedder.info.model_revision


def _report(repairs: list[Repair], found: _Found) -> JobReport:
    view = [] if found.reload is None else [Repair(kind=RepairKind.RELOADED)]
    return JobReport(
        job=JobName.PARITY,
        effects=(*repairs, *view),
        complete=found.complete,
        waited_s=found.waited_s,
    )


def _tell(namespace: str, report: JobReport) -> None:
    for some in batched(report.effects, _LOGGED):
        kinds = sorted({str(effect.kind) for effect in some})
        ids = {kind: [str(e.id) for e in some if e.kind == kind] for kind in kinds}
        _LOG.warning("parity.repaired", extra={"namespace": namespace, "memories": ids})
