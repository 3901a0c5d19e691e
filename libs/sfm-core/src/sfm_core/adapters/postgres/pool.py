"""Connections: bounded, scoped to a namespace, with the driver's errors translated."""

import secrets
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from typing import Any, Final

import anyio
import asyncpg

from sfm_core.adapters.postgres.instants import hold_exactly
from sfm_core.adapters.postgres.queries import load_queries
from sfm_core.adapters.postgres.shares import Shares
from sfm_core.adapters.postgres.tls import ssl_argument, tls_fault
from sfm_core.errors import Corrupt, InvalidInput, Misconfigured, SfmError, Unavailable

EVERY_NAMESPACE: Final = "*"
"""The scope of the feed's and the jobs' calls; no namespace can have this name."""

_READS = load_queries("reads")
_ATTEMPTS: Final = 6
_CLOSE_S: Final = 2.0
_ROLLBACK_S: Final = 2.0
_RESERVE: Final = 5
"""One connection in so many (and one at least) is not for the writes of a single namespace."""
_SETTINGS: Final = {
    "application_name": "sfm",
    "timezone": "UTC",
    "jit": "off",
    "idle_in_transaction_session_timeout": "30000",
}
_AGAIN: Final = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.InvalidCachedStatementError,
    asyncpg.UniqueViolationError,
)
"""Among them two who insert one memory at once: `ON CONFLICT` watches one unique index, and the
later one may meet the earlier in another first."""
_LOST: Final = (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
_NO_ANSWER: Final = "the record store does not answer"
_BUSY: Final = "the record store is busy with the same memories"
_NO_VALUE: Final = "the store cannot hold this value"
_REFUSED: Final = "PostgreSQL refuses the credentials"
_OTHER_SCHEMA: Final = "the database's schema is not this version's: run `soma migrate`"
_BY_STATE: Final[Mapping[str, tuple[type[SfmError], str]]] = {
    "08": (Unavailable, _NO_ANSWER),
    "22": (InvalidInput, _NO_VALUE),
    "23505": (Unavailable, _BUSY),
    "23514": (InvalidInput, _NO_VALUE),
    "25": (Unavailable, _NO_ANSWER),  # read-only after a failover; an idle transaction ended
    "28": (Misconfigured, _REFUSED),
    "3D": (Misconfigured, "the database does not exist"),
    "40": (Unavailable, _BUSY),
    "42": (Misconfigured, _OTHER_SCHEMA),
    "42501": (Misconfigured, "the database role lacks a privilege"),
    "42P01": (Misconfigured, "the database has no schema yet: run `soma migrate`"),
    "53": (Unavailable, _NO_ANSWER),
    "54": (InvalidInput, _NO_VALUE),
    "55": (Unavailable, _BUSY),
    "57": (Unavailable, _NO_ANSWER),
    "58": (Unavailable, _NO_ANSWER),
    "XX": (Corrupt, "the record store reports damage"),
}
"""By SQLSTATE, else by its class: PostgreSQL's appendix A."""
_OTHERWISE: Final = (Misconfigured, "the database does not do what this version asks of it")


@contextmanager
def translated() -> Iterator[None]:
    """Turn whatever the driver raises into the core's errors, by what the server said."""
    try:
        yield
    except asyncpg.PostgresError as error:
        below = error.__cause__
        fault = tls_fault(below) if isinstance(below, ssl.SSLError) else None
        raise fault or _meaning(error) from error
    except UnicodeEncodeError as error:
        raise InvalidInput(_NO_VALUE) from error
    except ssl.SSLError as error:
        raise tls_fault(error) or Unavailable(_NO_ANSWER) from error
    except _LOST as error:
        raise Unavailable(_NO_ANSWER) from error


def _meaning(error: asyncpg.PostgresError) -> SfmError:
    if isinstance(error, asyncpg.InvalidCachedStatementError):
        return Unavailable(_BUSY)
    state = error.sqlstate or ""
    kind, detail = _BY_STATE.get(state) or _BY_STATE.get(state[:2]) or _OTHERWISE
    if issubclass(kind, InvalidInput):
        return kind(detail)
    return kind(detail, sqlstate=state)


@asynccontextmanager
async def transaction(
    connection: "asyncpg.pool.PoolConnectionProxy[Any]",
    *,
    isolation: str | None = None,
    readonly: bool = False,
) -> AsyncGenerator[None]:
    """A transaction that is rolled back before the connection goes back, whoever cancels the block.

    A cancelled scope cancels each wait in it, that for the driver's own `ROLLBACK` too. The
    connection would come back inside a transaction, and the driver say so as an error. One that
    cannot be rolled back is closed, and the block's own error raised all the same: a server that
    is asked to cancel a statement before it has read it goes on with it, and hears nothing else.
    """
    inner = connection.transaction(isolation=isolation, readonly=readonly)
    await inner.__aenter__()
    try:
        yield
    except BaseException as error:
        rolled_back = False
        with anyio.move_on_after(_ROLLBACK_S, shield=True), suppress(asyncpg.PostgresError, *_LOST):
            await inner.__aexit__(type(error), error, error.__traceback__)
            rolled_back = True
        if not rolled_back:
            connection.terminate()
        raise
    await inner.__aexit__(None, None, None)


class Pool:
    """A bounded set of connections; opened by `open_pool`.

    Every access declares a namespace first, and row-level security holds it to that. A
    connection that was lost is replaced at the next use.

    Writes wait for each other inside the server, each with a connection. So that those who wait
    for one namespace leave some to the others, they hold at most all but one in `_RESERVE`, and
    no lock is waited for longer than the pool's lock timeout, but where a caller says so.
    """

    def __init__(
        self, driver: "asyncpg.Pool[Any]", *, acquire_timeout_s: float, size: int = 10
    ) -> None:
        self._driver = driver
        self._acquire_timeout_s = acquire_timeout_s
        reserve = max(1, size // _RESERVE)
        self._writes = Shares[str](max(1, size - reserve), patience_s=acquire_timeout_s)
        self._patient = Shares[None](reserve, patience_s=acquire_timeout_s)
        self._rls_enforced: bool | None = None

    @asynccontextmanager
    async def unscoped(self) -> AsyncGenerator["asyncpg.pool.PoolConnectionProxy[Any]"]:
        """A connection for statements that touch no tenant's table, or declare it themselves.

        Raises:
            Unavailable: none became free in time, or the server does not answer.
        """
        with translated():
            async with self._driver.acquire(timeout=self._acquire_timeout_s) as connection:
                yield connection

    @asynccontextmanager
    async def scoped(
        self, namespace: str
    ) -> AsyncGenerator["asyncpg.pool.PoolConnectionProxy[Any]"]:
        """A connection that sees this namespace only (`EVERY_NAMESPACE`: all)."""
        async with self.unscoped() as connection:
            await connection.fetchval(_READS["scope"], namespace)
            yield connection

    @asynccontextmanager
    async def paged(
        self, namespace: str
    ) -> AsyncGenerator["asyncpg.pool.PoolConnectionProxy[Any]"]:
        """A connection for a page in the order of a key, in a transaction that only reads.

        A page costs what it holds, also where nothing was analysed yet.
        """
        async with (
            self.unscoped() as connection,
            transaction(connection, isolation="read_committed", readonly=True),
        ):
            await connection.fetchrow(_READS["open_pages"], namespace)
            yield connection

    async def in_transaction[T](
        self,
        body: Callable[["asyncpg.pool.PoolConnectionProxy[Any]"], Awaitable[T]],
        *,
        namespace: str,
        patient: bool = False,
    ) -> T:
        """`body` in a transaction of its own, again from the start when it lost a race.

        `body` must declare the namespace inside the transaction. It is `patient` when it may
        wait for a lock as long as it takes; few of those are let in at a time.

        Raises:
            Unavailable: the server does not answer (whether it was written is unknown), or the
                race was lost too often, or others hold the namespace for too long (nothing was
                written).
        """
        for attempt in range(_ATTEMPTS):
            try:
                async with AsyncExitStack() as places:
                    if patient:
                        await places.enter_async_context(self._patient.held(None))
                    await places.enter_async_context(self._writes.held(namespace))
                    return await self._transaction(body, patient=patient)
            except Unavailable as error:
                if attempt + 1 == _ATTEMPTS or not isinstance(error.__cause__, _AGAIN):
                    raise
            await anyio.sleep((0.005 + secrets.randbelow(1000) / 1e5) * 2**attempt)
        raise AssertionError("unreachable")

    async def _transaction[T](
        self,
        body: Callable[["asyncpg.pool.PoolConnectionProxy[Any]"], Awaitable[T]],
        *,
        patient: bool,
    ) -> T:
        with translated():
            async with (
                self._driver.acquire(timeout=self._acquire_timeout_s) as connection,
                transaction(connection, isolation="read_committed"),
            ):
                if patient:
                    await connection.fetchval(_READS["be_patient"])
                return await body(connection)

    async def rls_enforced(self) -> bool:
        """Whether row-level security binds the role; asked of the server once.

        Raises:
            Unavailable: it was never asked before, and the server does not answer.
        """
        if self._rls_enforced is None:
            async with self.unscoped() as connection:
                self._rls_enforced = bool(await connection.fetchval(_READS["rls_enforced"]))
        return self._rls_enforced


async def connect(
    dsn: str,
    *,
    ssl_mode: str | None = None,
    root_cert: str | None = None,
    cert: str | None = None,
    key: str | None = None,
    connect_timeout_s: float = 5.0,
) -> "asyncpg.Connection[Any]":
    """One connection outside any pool, without a limit on how long a statement takes."""
    tls = ssl_argument(ssl_mode, root_cert=root_cert, cert=cert, key=key)
    with _said_of(cert), translated(), _clear_dsn():
        connection = await asyncpg.connect(
            dsn, ssl=tls, timeout=connect_timeout_s, server_settings=dict(_SETTINGS)
        )
        await hold_exactly(connection)
        return connection


@asynccontextmanager
async def open_pool(
    dsn: str,
    *,
    size: int = 10,
    ssl_mode: str | None = None,
    root_cert: str | None = None,
    cert: str | None = None,
    key: str | None = None,
    connect_timeout_s: float = 3.0,
    acquire_timeout_s: float = 4.0,
    command_timeout_s: float = 10.0,
    lock_timeout_s: float = 2.0,
) -> AsyncGenerator[Pool]:
    """At most `size` connections to the database, closed at the end.

    `lock_timeout_s` is for one lock; 0: no limit. It is above the second after which the server
    looks for deadlocks, which are tried again.

    Raises:
        Unavailable: the server cannot be reached now.
        Misconfigured: it refuses the credentials, or the DSN or TLS settings make no sense.
    """
    tls = ssl_argument(ssl_mode, root_cert=root_cert, cert=cert, key=key)
    with _said_of(cert), translated(), _clear_dsn():
        driver = await asyncpg.create_pool(
            dsn,
            min_size=1,
            max_size=size,
            ssl=tls,
            timeout=connect_timeout_s,
            command_timeout=command_timeout_s,
            max_inactive_connection_lifetime=300.0,
            server_settings={**_SETTINGS, "lock_timeout": str(round(lock_timeout_s * 1000))},
            init=hold_exactly,
            reset=_leave_as_is,
        )
    try:
        yield Pool(driver, acquire_timeout_s=acquire_timeout_s, size=size)
    finally:
        with anyio.move_on_after(_CLOSE_S, shield=True):
            await driver.close()
        driver.terminate()


async def _leave_as_is(connection: object) -> None:
    """Nothing to reset: each access declares its scope anew; open transactions end anyway."""
    del connection


@contextmanager
def _said_of(cert: str | None) -> Iterator[None]:
    """Say what may be wrong where a server ends the connection to who shows a certificate.

    Whether its alert arrives before the end of the connection is chance.
    """
    try:
        yield
    except Unavailable as error:
        ended = isinstance(error.__cause__, asyncpg.ConnectionDoesNotExistError)
        if cert is None or not ended:
            raise
        raise Unavailable(
            "PostgreSQL ends the connection at once: does it trust POSTGRES_SSL_CERT?"
        ) from error.__cause__


@contextmanager
def _clear_dsn() -> Iterator[None]:
    """Turn a malformed DSN into a setting's fault, without repeating it (it holds a password)."""
    try:
        yield
    except (ValueError, asyncpg.ClientConfigurationError) as error:
        if isinstance(error, ssl.SSLError):
            raise
        raise Misconfigured("POSTGRES_URL is not a PostgreSQL connection string") from error
    except ConnectionError as error:
        if type(error) is not ConnectionError:  # refused, reset, …: an outage
            raise
        raise Misconfigured(
            "PostgreSQL does not speak TLS, and POSTGRES_SSL_* asks for it"
        ) from error
