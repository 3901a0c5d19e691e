"""The reconciler's jobs over what is open: one by one for who asks, and again and again."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from sfm_core.factory.policies import upkeep_policy_of
from sfm_core.factory.stores import Stores
from sfm_core.indexing import IndexWriter
from sfm_core.model import JobName
from sfm_core.ports import Clock, Embedder, Jobs, Telemetry, VectorStore
from sfm_core.recall.views import Views
from sfm_core.reconcile.indexing import Indexing
from sfm_core.reconcile.parity import SETTLE_S, Parity
from sfm_core.reconcile.rounds import REST, REST_WITHOUT_INDEX, ParityRounds
from sfm_core.reconcile.schedule import Job, Schedule
from sfm_core.reconcile.slabs import Slabs
from sfm_core.reconcile.use_case import Reconcile
from sfm_core.reconcile.wal import WalReplay
from sfm_core.remember import Commits
from sfm_core.runtime.core_settings import CoreSettings
from sfm_core.upkeep.use_case import Upkeep


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciling:
    """What reconciles, over one process's stores."""

    indexing: Indexing
    upkeep: Upkeep
    parity: Parity
    rounds: ParityRounds
    wal: WalReplay | None
    use_case: Reconcile

    def schedule(
        self,
        settings: CoreSettings,
        telemetry: Telemetry,
        *,
        relay: Callable[[], Awaitable[int]] | None = None,
    ) -> Schedule:
        """`relay` publishes what nobody published yet, and says how much it was; None: nobody
        is to.
        """
        often, seldom = settings.reconcile_interval_seconds, settings.pruning_interval_seconds
        jobs = [
            Job(name=JobName.PARITY, round=self.rounds.round, interval_s=often),
            Job(
                name=JobName.UPKEEP,
                round=self.upkeep.run_namespaces,
                interval_s=seldom,
                at_once=False,
            ),
            Job(
                name=JobName.RECEIPTS,
                round=_counted("forgotten", self.upkeep.sweep_receipts),
                interval_s=seldom,
                at_once=False,
            ),
        ]
        if self.wal is not None:
            jobs.append(Job(name=JobName.WAL, round=self.wal.run_due, interval_s=often))
        if relay is not None:
            round_ = _counted("published", relay)
            jobs.append(Job(name=JobName.RELAY, round=round_, interval_s=often))
        places = max(1, settings.postgres_pool_size // 4)
        return Schedule(jobs, telemetry=telemetry, places=places)


def reconciling_over(
    *,
    settings: CoreSettings,
    stores: Stores,
    embedder: Embedder,
    commits: Commits,
    clock: Clock,
    telemetry: Telemetry,
    vectors: VectorStore | None = None,
    views: Views | None = None,
) -> Reconciling:
    """Opens nothing and waits for nothing. `views`: of this process, to be compared too."""
    rows, records, ledger = stores.upkeep, stores.records, stores.ledger
    indexing = Indexing(records=records, mender=stores.digests, embedder=embedder, vectors=vectors)
    parity = Parity(
        ledger=ledger,
        embedder=embedder,
        indexing=indexing,
        vectors=vectors,
        eraser=stores.eraser,
        slabs=_slabs(stores, embedder, views),
        telemetry=telemetry,
        settle_s=min(SETTLE_S, settings.reconcile_interval_seconds),
    )
    replay = None
    if vectors is not None:
        replay = WalReplay(
            wal=stores.wal,
            indexing=indexing,
            records=records,
            embedder=embedder,
            locks=rows,
            clock=clock,
        )
    upkeep = Upkeep(
        rows=rows,
        feed=records,
        accesses=rows,
        receipts=rows,
        locks=rows,
        records=records,
        embedder=embedder,
        commits=commits,
        clock=clock,
        policy=upkeep_policy_of(settings),
        telemetry=telemetry,
        at_once=max(1, settings.postgres_pool_size // 4),
    )
    return Reconciling(
        indexing=indexing,
        upkeep=upkeep,
        parity=parity,
        rounds=ParityRounds(
            parity=parity,
            ledger=ledger,
            feed=records,
            locks=rows,
            whole_s=settings.audit_interval_seconds,
            rest=REST_WITHOUT_INDEX if vectors is None else REST,
            only_whole=vectors is None,
        ),
        wal=replay,
        use_case=Reconcile(
            upkeep=upkeep, parity=parity, wal=replay, locks=rows, telemetry=telemetry
        ),
    )


def index_writer_over(
    vectors: VectorStore | None,
    *,
    stores: Stores,
    embedder: Embedder,
    jobs: Jobs,
    telemetry: Telemetry,
) -> IndexWriter | None:
    """What tells the vector store of each commit; None where there is none."""
    if vectors is None:
        return None
    return IndexWriter(
        vectors=vectors,
        wal=stores.wal,
        jobs=jobs,
        model_revision=embedder.info.model_revision,
        telemetry=telemetry,
    )


def _slabs(stores: Stores, embedder: Embedder, views: Views | None) -> Slabs | None:
    if views is None:
        return None
    return Slabs(
        views=views,
        feed=stores.records,
        ledger=stores.ledger,
        model_revision=embedder.info.model_revision,
    )


def _counted(
    kind: str, sweep: Callable[[], Awaitable[int]]
) -> Callable[[], Awaitable[Mapping[str, int]]]:
    async def round_() -> Mapping[str, int]:
        return {kind: done} if (done := await sweep()) else {}

    return round_
