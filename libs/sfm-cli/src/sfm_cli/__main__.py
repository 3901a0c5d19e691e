"""`soma`, also as `python -m sfm_cli`."""

import contextlib
import os
import sys

from sfm_cli.failures import ExitCode
from sfm_cli.group import soma


def main() -> None:
    """Run the command line of this process, and exit."""
    try:
        soma.main(prog_name="soma")
    except SystemExit as end:
        if end.code != ExitCode.INTERRUPTED:
            raise
        # all is closed by now, but a thread may still wait for a line of stdin
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(ExitCode.INTERRUPTED)


if __name__ == "__main__":
    main()
