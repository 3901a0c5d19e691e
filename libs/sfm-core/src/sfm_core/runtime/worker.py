"""`main` of a service: from the environment to an exit code.

def main() -> int:
    return run_service("sfm-kv-writer", KvWriterSettings, wiring.run, life=lambda s: s.worker)

if __name__ == "__main__":
    sys.exit(main())
"""

import logging
import os
import threading
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import Final, Protocol, final

import anyio

from sfm_core.errors import SfmError, Unavailable
from sfm_core.runtime.blas import one_thread_each
from sfm_core.runtime.heap import few_arenas
from sfm_core.runtime.life_settings import LifeSettings
from sfm_core.runtime.lifecycle import DrainTimeout, run_until_stopped
from sfm_core.runtime.logging import configure
from sfm_core.runtime.settings import load
from sfm_core.runtime.tracing import Tracing, open_tracing

log = logging.getLogger(__name__)

CLOSE_S: Final = 2.0
"""What closing the dependencies may take, after work in hand had its grace."""
HARD_S: Final = 2.0
"""What is left after that for threads and the end of the loop; then the process ends anyhow."""


class Body[S](Protocol):
    def __call__(self, settings: S, stopping: anyio.Event, *, tracing: Tracing) -> Awaitable[None]:
        """Work until `stopping` is set, then drain and close; see `run_until_stopped`."""
        ...


def run_service[S](
    service: str,
    settings: type[S],
    body: Body[S],
    *,
    life: Callable[[S], LifeSettings],
    require: Collection[str] = (),
) -> int:
    """Run a service until SIGTERM or SIGINT; its exit code, for `sys.exit` at once.

    0: it stopped when told to, also when what it was still busy with had to be cut (a line
    `service.cut` says so), or when a dependency was down at that moment. 1: it could not start
    or go on. 2: a setting is wrong.

    It ends within the grace period of `life(settings)` and `CLOSE_S + HARD_S`: past that the
    process is gone, whatever thread or closing still holds it. So an effect has to be durable
    before it is acknowledged, as it has for a kill.
    """
    few_arenas()
    configure()
    try:
        loaded = load(settings, os.environ, require=require)
    except SfmError as error:
        log.critical("settings.refused", extra={"detail": error.detail})
        return 2
    configure(life(loaded).log_level)
    one_thread_each(os.environ)
    grace_s = life(loaded).shutdown_grace_seconds + CLOSE_S
    stop = _Stop(service, grace_s)

    async def supervised(stopping: anyio.Event) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stop.follow, stopping)
            await body(loaded, stopping, tracing=tracing)
            tasks.cancel_scope.cancel()

    try:
        with open_tracing(os.environ, service=service) as tracing:
            anyio.run(partial(run_until_stopped, supervised, grace_s=grace_s))
    except Exception as error:  # noqa: BLE001 - the last handler: a traceback would show values
        explained = [stop.explains(leaf) for leaf in _leaves(error)]
        return 0 if all(explained) else 1
    return 0


@final
class _Stop:
    """Whether the process was told to stop, and the end of its time from then on."""

    def __init__(self, service: str, grace_s: float) -> None:
        self._service = service
        self._grace_s = grace_s
        self._told = False

    async def follow(self, stopping: anyio.Event) -> None:
        """Await the stop, then count."""
        await stopping.wait()
        self._told = True
        log.info("service.stopping", extra={"service": self._service, "grace_s": self._grace_s})
        timer = threading.Timer(self._grace_s + HARD_S, self._end)
        timer.daemon = True
        timer.start()

    def explains(self, error: BaseException) -> bool:
        """Write the line about what ended the service; whether it is no failure."""
        if self._told and isinstance(error, DrainTimeout | Unavailable):
            log.warning("service.cut", extra={"service": self._service, "reason": error.detail})
            return True
        if isinstance(error, SfmError):
            log.critical("service.failed", extra={"detail": error.detail})
        else:
            log.critical("service.failed", exc_info=error, extra={"detail": "a bug"})
        return False

    def _end(self) -> None:
        reason = f"not gone {self._grace_s + HARD_S:g} s after the stop signal"
        log.warning("service.cut", extra={"service": self._service, "reason": reason})
        os._exit(0)


def _leaves(error: BaseException) -> list[BaseException]:
    if not isinstance(error, BaseExceptionGroup):
        return [error]
    return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
