"""From a command line to an open client, and back to the shell.

Heavy modules (HTTP, NumPy, the whole product) are imported where a command turns out to need
them: `soma --help` and a wrong option must not wait for them.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio

from sfm_cli.client import Client
from sfm_cli.failures import Failure
from sfm_cli.letters import OpenLetters, opened
from sfm_cli.target import Local, Remote, Target
from sfm_core.errors import Conflict, Misconfigured, SfmError, Unavailable
from sfm_core.runtime.secret import Secret
from sfm_standalone.data_dir import DataDir, Served, served_from

WAIT_S: Final = 10.0
"""How long a command waits for another that works in the same data directory."""
_LOOK_S: Final = 0.05

type Connect = Callable[[Target, bool], AbstractAsyncContextManager[Client]]


@asynccontextmanager
async def connected(target: Target, writes: bool) -> AsyncGenerator[Client]:
    """A client of what the target names, open until the block ends.

    Without a server that was named: in process over `POSTGRES_URL` when that is set, else over
    the data directory, or through the server that holds it. `writes` says whether a data
    directory without memories may be filled; a read refuses it, lest a wrong folder look like
    an empty memory.

    Raises:
        Misconfigured, Unavailable, Failure: it cannot be opened.
    """
    from sfm_cli.rest import open_remote  # noqa: PLC0415 - HTTP only when something is asked

    with ExitStack() as holding:
        place = target.place
        data_dir = None
        if isinstance(place, Local) and place.settings.core.postgres_url is None:
            found = await _found(place.data_dir, holding, writes=writes)
            if isinstance(found, Served):
                place = Remote(url=found.url, token=_token_of(found, place))
            else:
                data_dir = found.path
        if isinstance(place, Remote):
            token = None if place.token is None else place.token.value
            async with open_remote(place.url, token, target.namespace) as client:
                yield client
            return
        from sfm_cli.wiring import open_local  # noqa: PLC0415 - the whole product

        _log(place.log_level)
        async with open_local(place.settings, target.namespace, data_dir=data_dir) as local:
            yield local


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What commands get from their surroundings."""

    env: Mapping[str, str]
    connect: Connect = connected
    letters: OpenLetters = opened
    """What `soma dlq` works on."""


def run[T](body: Callable[[], Awaitable[T]]) -> T:
    """What `body` gives, on a loop of its own; the one error that ended it comes out as itself.

    Raises:
        Failure: also for every `SfmError`.
    """
    with _plain():
        return anyio.run(body)


async def held(path: Path, holding: ExitStack) -> DataDir:
    """The data directory, once no other command works in it.

    Raises:
        Unavailable: a process keeps it.
    """
    deadline = anyio.current_time() + WAIT_S
    while True:
        try:
            return holding.enter_context(DataDir.held(path))
        except Conflict as error:
            if served_from(path) is not None or anyio.current_time() > deadline:
                raise Unavailable(error.detail) from error
        await anyio.sleep(_LOOK_S)


async def _found(path: Path, holding: ExitStack, *, writes: bool) -> DataDir | Served:
    while True:
        served = served_from(path)
        if served is not None:
            return served
        if not writes and not (path / "postgres").is_dir():
            raise Misconfigured(
                f"{path} holds no memories: store one, start `soma serve`, or name the"
                " place with --url, SFM_DATA_DIR or POSTGRES_URL"
            )
        try:
            return await held(path, holding)
        except Unavailable:
            if served_from(path) is None:
                raise


def _token_of(served: Served, local: Local) -> Secret | None:
    if local.token is not None:
        return local.token
    if served.token_file is None:
        return local.settings.api_token
    try:
        return Secret(Path(served.token_file).read_text("utf-8").strip())
    except OSError as error:
        raise Misconfigured(f"{served.token_file}: {error.strerror}") from error


def _log(level: str) -> None:
    from sfm_core.runtime.logging import configure  # noqa: PLC0415 - only what works here logs

    configure(level)


@contextmanager
def _plain() -> Iterator[None]:
    try:
        yield
    except SfmError as refused:
        raise Failure.of(refused) from refused
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        if isinstance(error, SfmError):
            raise Failure.of(error) from error
        raise error from error.__cause__
