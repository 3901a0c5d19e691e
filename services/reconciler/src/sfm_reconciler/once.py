"""What is done once, for who asks for it: telling what is due, and filling the vector store."""

import logging
import sys
from collections.abc import Mapping
from typing import Any, Final

import anyio
import anyio.to_thread

from sfm_core import encode, jsontext
from sfm_core.errors import Misconfigured, Unavailable
from sfm_core.factory import open_worker
from sfm_core.factory.reconciling import Reconciling
from sfm_core.factory.workers import Worker
from sfm_core.model import JobName
from sfm_core.runtime.metrics import open_telemetry
from sfm_core.runtime.tracing import Tracing
from sfm_reconciler.settings import ReconcilerSettings
from sfm_reconciler.wiring import cut_when, over

log: Final = logging.getLogger(__name__)


async def dry_run(settings: ReconcilerSettings, stopping: anyio.Event, *, tracing: Tracing) -> None:
    """Tell on stdout, as a JSON document a line, what each job would do now, and do nothing.

    First what is of all namespaces (`relay`, `receipts`; of events that wait, more than 10 000 are
    an estimate), then a report for each namespace with something to do, as `reconcile:run` gives
    it.

    Raises:
        Unavailable: a store does not answer.
    """
    telemetry = tracing.observing(open_telemetry())
    async with cut_when(stopping), open_worker(settings.core, telemetry=telemetry) as worker:
        reconciling = over(worker, settings, telemetry)
        if settings.kafka.kafka_bootstrap_servers:
            unsent, _ = await worker.stores.outbox.backlog()
            await _tell({"job": JobName.RELAY, "counts": {"published": unsent}})
        forgotten = await reconciling.upkeep.old_receipts()
        await _tell({"job": JobName.RECEIPTS, "counts": {"forgotten": forgotten}})
        for namespace in await worker.stores.ledger.spaces():
            report = await reconciling.use_case.run(namespace, dry_run=True)
            if any(job.effects for job in report.jobs):
                await _tell({"namespace": namespace, **encode.reconcile_report(report)})


async def rebuild_collection(
    settings: ReconcilerSettings, stopping: anyio.Event, *, tracing: Tracing
) -> None:
    """Put every namespace's memories and tombstones into the vector store, and remove from it
    what is foreign; a line in the log for each, with digests.

    Raises:
        Misconfigured: there is no vector store, or it holds vectors of another length.
        Unavailable: a store does not answer, or some namespace is not as the record store
            afterwards: run it again.
    """
    telemetry = tracing.observing(open_telemetry())
    async with cut_when(stopping), open_worker(settings.core, telemetry=telemetry) as worker:
        if worker.vectors is None:
            raise Misconfigured("QDRANT_URL is required: there is no collection to rebuild")
        await worker.vectors.prepare(dim=worker.embedder.info.dim)
        await _rebuild_all(worker, over(worker, settings, telemetry))


async def _rebuild_all(worker: Worker, reconciling: Reconciling) -> None:
    unsound = 0
    for namespace in await worker.stores.ledger.spaces():
        done = await reconciling.parity.rebuild(namespace)
        if done is None:
            continue
        unsound += not done.is_sound
        log.info(
            "collection.rebuilt",
            extra={
                "namespace": namespace,
                "before": done.before.text,
                "after": done.after.text,
                "truth": done.truth.text,
            },
        )
    if unsound:
        raise Unavailable(
            f"{unsound} namespaces differ from the record store, which writes in between may "
            "cause: run it again"
        )


async def _tell(document: Mapping[str, Any]) -> None:
    line = jsontext.dumps(document).decode() + "\n"
    await anyio.to_thread.run_sync(_write, line)


def _write(line: str) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()
