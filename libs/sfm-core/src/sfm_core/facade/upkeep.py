"""The facade's call for what time does."""

from sfm_core import decode
from sfm_core.facade.inputs import judged
from sfm_core.facade.opened import Opened
from sfm_core.model import UpkeepReport


class Upkeeps(Opened):
    """Decay, pruning, expiry."""

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
