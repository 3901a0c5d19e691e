"""`python -m sfm_api`: REST over the PostgreSQL that `POSTGRES_URL` names."""

import logging
import os
import sys
from functools import partial
from typing import Final

import anyio

from sfm_api import wiring
from sfm_api.settings import ServiceSettings
from sfm_core.errors import SfmError
from sfm_core.runtime.blas import one_thread_each
from sfm_core.runtime.heap import few_arenas
from sfm_core.runtime.lifecycle import run_until_stopped
from sfm_core.runtime.logging import configure
from sfm_core.runtime.settings import load
from sfm_core.runtime.tracing import open_tracing

log = logging.getLogger(__name__)

SERVICE: Final = "sfm-api"
CLOSE_S: Final = 2.0
"""What closing the dependencies may take, after the requests had their grace."""


def main() -> int:
    """Run the service; 0 after a clean stop, 1 when it could not serve or drain, 2 when a
    setting is wrong.
    """
    few_arenas()
    configure()
    try:
        settings = load(ServiceSettings, os.environ, require=["POSTGRES_URL"])
    except SfmError as error:
        log.critical("settings.refused", extra={"detail": error.detail})
        return 2
    configure(settings.http.log_level)
    one_thread_each(os.environ)
    grace_s = settings.http.shutdown_grace_seconds + CLOSE_S
    failed = False
    try:
        with open_tracing(os.environ, service=SERVICE) as tracing:
            body = partial(wiring.run, settings, tracing=tracing)
            anyio.run(partial(run_until_stopped, body, grace_s=grace_s))
    except* SfmError as errors:
        failed = True
        for leaf in _leaves(errors):
            log.critical("service.failed", extra={"detail": str(leaf)})
    return 1 if failed else 0


def _leaves(group: BaseExceptionGroup) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


if __name__ == "__main__":
    sys.exit(main())
