"""`soma serve`: the whole of SFM in one process, from the lock to the banner and back."""

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final, TextIO

import anyio

from sfm_core.errors import SfmError
from sfm_core.runtime.blas import one_thread_each
from sfm_core.runtime.garbage import set_aside
from sfm_core.runtime.heap import few_arenas
from sfm_core.runtime.http_server import serve_http
from sfm_core.runtime.lifecycle import DrainTimeout, run_until_stopped
from sfm_core.runtime.logging import configure
from sfm_core.runtime.metrics import watch_loop
from sfm_core.runtime.secret import Secret
from sfm_core.runtime.settings import load
from sfm_core.runtime.tracing import Tracing, open_tracing
from sfm_standalone.banner import banner
from sfm_standalone.data_dir import DataDir
from sfm_standalone.settings import StandaloneSettings
from sfm_standalone.wiring import open_app

log = logging.getLogger(__name__)

SERVICE: Final = "standalone"
_CLOSING_S: Final = 30.0
"""What closing everything may take after the last request was answered or cut."""


async def serve(
    env: Mapping[str, str], *, out: TextIO = sys.stdout, err: TextIO = sys.stderr
) -> int:
    """Serve until SIGTERM or SIGINT; the exit code of the process.

    0: stopped when told to. 1: could not start or not go on; one line on `err` says why, after
    the JSON log lines that also go there. `out` gets the URL, the place of the token and a
    command to try, once requests are answered. A second signal cuts what is still going on.
    """
    few_arenas()
    try:
        settings = load(StandaloneSettings, env)
        configure(settings.http.log_level, err)
        one_thread_each(env)
        grace_s = settings.http.shutdown_grace_seconds + _CLOSING_S
        with (
            _unwrapped(),
            DataDir.held(settings.data_dir) as held,
            open_tracing(env, service=f"sfm-{SERVICE}") as tracing,
        ):
            body = partial(_run, settings, held, out, tracing)
            await run_until_stopped(body, grace_s=grace_s)
    except DrainTimeout as error:
        log.warning("service.cut", extra={"service": SERVICE, "reason": error.detail})
    except SfmError as error:
        err.write(f"soma serve: {error.detail}\n")
        return 1
    return 0


async def _run(
    settings: StandaloneSettings,
    held: DataDir,
    out: TextIO,
    tracing: Tracing,
    stopping: anyio.Event,
) -> None:
    token, token_file = _token(settings, held)
    http = settings.http
    opened = open_app(settings, data_dir=held.path, token=token, tracing=tracing, warmed=set_aside)
    async with (
        opened as (app, telemetry),
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(watch_loop, telemetry)
        tasks.start_soon(_tell_of_stopping, stopping, http.shutdown_grace_seconds)
        serving = partial(
            serve_http,
            app,
            host=http.http_host,
            port=http.http_port,
            stopping=stopping,
            drain_s=http.shutdown_grace_seconds,
        )
        async with anyio.create_task_group() as http_task:
            port = await http_task.start(serving)
            url = f"http://{_reachable(http.http_host)}:{port}"
            held.announce(url, token_file)
            log.info("service.started", extra={"service": SERVICE, "version": version("sfm-api")})
            out.write(banner(url, token_file, held.path))
            out.flush()
        tasks.cancel_scope.cancel()
    log.info("service.stopped", extra={"service": SERVICE})


async def _tell_of_stopping(stopping: anyio.Event, grace_s: float) -> None:
    await stopping.wait()
    log.info("service.stopping", extra={"service": SERVICE, "grace_s": grace_s})


def _token(settings: StandaloneSettings, held: DataDir) -> tuple[Secret, Path | None]:
    if settings.api_token is not None:
        return settings.api_token, None
    return Secret(held.token()), held.token_file


def _reachable(host: str) -> str:
    """The host part of a URL that this machine reaches the listener at."""
    local = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - recognised, not bound
    return local.get(host) or (f"[{host}]" if ":" in host else host)


@contextmanager
def _unwrapped() -> Iterator[None]:
    """Let the one error that ended nested task groups out as itself."""
    try:
        yield
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        raise error from error.__cause__
