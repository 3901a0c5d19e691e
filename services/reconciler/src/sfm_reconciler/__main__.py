"""`python -m sfm_reconciler`: what went wrong is put right, again and again.

With `--dry-run` it tells what it would do now, with `--rebuild-collection` it fills the vector
store anew; then it ends.
"""

import sys
from collections.abc import Sequence
from typing import Final

from sfm_core.runtime.worker import run_service
from sfm_reconciler import once, wiring
from sfm_reconciler.settings import ReconcilerSettings

_ONCE: Final = {"--dry-run": once.dry_run, "--rebuild-collection": once.rebuild_collection}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the service, or what is done once; its exit code, see `run_service`."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if len(given) > 1 or not _ONCE.keys() >= set(given):
        sys.stderr.write(f"usage: python -m sfm_reconciler [{' | '.join(_ONCE)}]\n")
        return 2
    body = _ONCE[given[0]] if given else wiring.run
    return run_service(
        f"sfm-{wiring.SERVICE}",
        ReconcilerSettings,
        body,
        life=lambda settings: settings.worker,
        require=["POSTGRES_URL"],
    )


if __name__ == "__main__":
    sys.exit(main())
