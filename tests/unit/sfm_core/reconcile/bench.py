"""Everything that reconciling rests on, in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_digests import InMemoryDigests
from sfm_core.adapters.inmemory_erase import InMemoryEraser
from sfm_core.adapters.inmemory_ledger import InMemoryLedger
from sfm_core.adapters.inmemory_upkeep import InMemoryUpkeep
from sfm_core.adapters.inmemory_wal import InMemoryWal
from sfm_core.indexing import IndexWriter
from sfm_core.model import Owed
from sfm_core.reconcile.indexing import Indexing
from sfm_core.reconcile.parity import Parity
from sfm_core.reconcile.use_case import Reconcile
from sfm_core.reconcile.wal import WalReplay
from sfm_core.remember import Commits, Remember
from sfm_core.testing.fakes import (
    CountingEmbedder,
    InlineJobs,
    ManualClock,
    NoViews,
    RecordingTelemetry,
)
from sfm_core.upkeep.plan import UpkeepPolicy
from sfm_core.upkeep.use_case import Upkeep
from tests.unit.sfm_core.reconcile.index import Index

NS = "demo"
LATER = timedelta(minutes=1)
"""Than what the store writes down: by then it is due."""


@dataclass
class Bench:
    store: InMemoryStore
    ledger: InMemoryLedger
    eraser: InMemoryEraser
    index: Index
    wal: InMemoryWal
    locks: InMemoryUpkeep
    embedder: CountingEmbedder
    clock: ManualClock
    telemetry: RecordingTelemetry
    indexing: Indexing
    remember: Remember
    parity: Parity
    replay: WalReplay
    reconcile: Reconcile

    @property
    def revision(self) -> str:
        return self.embedder.info.model_revision

    def owed(self, namespace: str = NS) -> Sequence[tuple[Owed, datetime]]:
        """With when the next attempts are due."""
        return list(self.store.peek(namespace).owed.values())

    async def is_sound(self, namespace: str = NS) -> bool:
        sums = await self.ledger.sums(namespace, model_revision=self.revision)
        return not sums.unembedded and await self.index.digest(namespace) == sums.points


def a_bench(policy: UpkeepPolicy | None = None) -> Bench:
    store, index = InMemoryStore(), Index()
    wal = InMemoryWal(store)
    embedder, clock, telemetry = (
        CountingEmbedder(),
        ManualClock(datetime.now(UTC) + LATER),
        RecordingTelemetry(),
    )
    digests, ledger = InMemoryDigests(store), InMemoryLedger(store)
    locks = InMemoryUpkeep(store)
    indexing = Indexing(records=store, mender=digests, embedder=embedder, vectors=index)
    parity = Parity(
        ledger=ledger,
        embedder=embedder,
        indexing=indexing,
        vectors=index,
        eraser=InMemoryEraser(store),
        telemetry=telemetry,
        settle_s=0,
    )
    replay = WalReplay(
        wal=wal,
        indexing=indexing,
        records=store,
        embedder=embedder,
        locks=locks,
        clock=clock,
        random=Random(1),
    )
    jobs, revision = InlineJobs(), embedder.info.model_revision
    writer = IndexWriter(vectors=index, wal=wal, jobs=jobs, model_revision=revision)
    commits = Commits(records=store, embedder=embedder, applied=NoViews(), jobs=jobs, index=writer)
    upkeep = Upkeep(
        rows=locks,
        feed=store,
        accesses=locks,
        receipts=locks,
        locks=locks,
        records=store,
        embedder=embedder,
        commits=commits,
        clock=clock,
        policy=policy,
    )
    return Bench(
        store=store,
        ledger=ledger,
        eraser=InMemoryEraser(store),
        index=index,
        wal=wal,
        locks=locks,
        embedder=embedder,
        clock=clock,
        telemetry=telemetry,
        indexing=indexing,
        remember=Remember(records=store, embedder=embedder, clock=clock, commits=commits),
        parity=parity,
        replay=replay,
        reconcile=Reconcile(
            upkeep=upkeep, parity=parity, wal=replay, locks=locks, telemetry=telemetry
        ),
    )
