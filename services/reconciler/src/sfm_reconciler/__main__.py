"""`python -m sfm_reconciler`: what went wrong is put right, again and again.

`python -m sfm_reconciler --rebuild-collection` fills the vector store anew, and ends.
"""

import sys
from collections.abc import Sequence
from typing import Final

from sfm_core.runtime.worker import run_service
from sfm_reconciler import wiring
from sfm_reconciler.settings import ReconcilerSettings

REBUILD: Final = "--rebuild-collection"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the service, or the rebuilding; its exit code, see `run_service`."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given not in ([], [REBUILD]):
        sys.stderr.write(f"usage: python -m sfm_reconciler [{REBUILD}]\n")
        return 2
    return run_service(
        f"sfm-{wiring.SERVICE}",
        ReconcilerSettings,
        wiring.rebuild_collection if given else wiring.run,
        life=lambda settings: settings.worker,
        require=["POSTGRES_URL", "QDRANT_URL"] if given else ["POSTGRES_URL"],
    )


if __name__ == "__main__":
    sys.exit(main())
