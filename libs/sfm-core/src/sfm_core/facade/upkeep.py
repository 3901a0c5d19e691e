"""The facade's calls for what time does, and for what went wrong."""

from collections.abc import Sequence

from sfm_core import decode
from sfm_core.facade.inputs import judged
from sfm_core.facade.opened import Opened
from sfm_core.model import OF_A_NAMESPACE, ReconcileReport, UpkeepReport


class Upkeeps(Opened):
    """Decay, pruning, expiry; reconciling."""

    async def decay(self, *, dry_run: bool = False) -> UpkeepReport:
        """Let expire, prune and decay what is due; with `dry_run`, only tell what would be.

        Each effect names the version to restore to undo it. When the report is not `complete`,
        there is more: call again.

        Raises:
            Conflict: another run is going on in this namespace.
            Unavailable: a store does not answer.
        """
        asked = decode.upkeep_run(judged({"dry_run": dry_run}))
        return await self.runtime.upkeep.run(self.namespace, dry_run=asked)

    async def reconcile(
        self, *, jobs: Sequence[str] = OF_A_NAMESPACE, dry_run: bool = False
    ) -> ReconcileReport:
        """Do what the reconciler does, in this namespace; with `dry_run`, only tell.

        `upkeep` lets expire, prunes and decays; `wal` indexes what could not be indexed before;
        `parity` compares the vector index and this process's view with the record store, embeds
        what has no vector, and mends what differs. When the report is not `complete`, there is
        more: call again.

        Raises:
            Conflict: another run of these jobs is going on in this namespace.
            Unavailable: a store does not answer.
        """
        asked = decode.reconcile_run(judged({"jobs": list(jobs), "dry_run": dry_run}))
        return await self.runtime.reconcile.run(
            self.namespace, jobs=asked.jobs, dry_run=asked.dry_run
        )
