"""The way to Redis: every call ends within a budget, and while nothing answers none is made."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, nullcontext, suppress
from time import perf_counter
from typing import Any, Final, final

import anyio
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError, ResponseError
from redis.exceptions import ConnectionError as NoConnection

from sfm_core.adapters.breaker import Breaker
from sfm_core.adapters.redis.refusals import refusal, tls_refusal
from sfm_core.errors import ErrorKind, Misconfigured, SfmError, Unavailable
from sfm_core.owned import OwnedJobs
from sfm_core.ports import Jobs, NoTelemetry, Telemetry

type Reply = Any
"""What Redis answers: bytes, whole numbers, None, and lists of these."""

BUDGET_S: Final = 0.04
"""Longest wait of a caller for one call; the promise is 50 ms, the loop needs some of it."""
CONNECTIONS: Final = 16
PREFIX: Final = "sfm:"
"""Of every key; an ACL user needs no others."""
_CONNECT_S: Final = 1.0
"""For a connection to be made, which may take longer than who first asked for it waits."""
_REPLY_S: Final = 0.5
_CLOSE_S: Final = 1.0


@final
class RedisLink:
    """Runs calls to one server.

    A call is a job of its own: a caller that is cancelled, or has waited long enough, leaves,
    and the job reads its reply or drops its connection. So no reply is left for the next
    caller, and no connection is lost from the pool.
    """

    def __init__(
        self,
        client: "Redis",
        *,
        jobs: Jobs,
        breaker: Breaker,
        telemetry: Telemetry,
        budget_s: float,
    ) -> None:
        self._client = client
        self._jobs = jobs
        self._breaker = breaker
        self._telemetry = telemetry
        self._budget_s = budget_s

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        url: str,
        *,
        telemetry: Telemetry | None = None,
        budget_s: float = BUDGET_S,
        jobs: Jobs | None = None,
    ) -> AsyncGenerator["RedisLink"]:
        """A link that connects with its first call; whether anybody is there is not asked.

        `jobs` is where calls run; else they are owned by the block.

        Raises:
            Misconfigured: the URL is none of Redis.
        """
        client = _client(url, budget_s)
        try:
            async with OwnedJobs.open() if jobs is None else nullcontext(jobs) as owner:
                yield cls(
                    client,
                    jobs=owner,
                    breaker=Breaker(anyio.current_time, of="Redis"),
                    telemetry=telemetry or NoTelemetry(),
                    budget_s=budget_s,
                )
        finally:
            with anyio.move_on_after(_CLOSE_S, shield=True), suppress(RedisError, OSError):
                await client.aclose()

    @property
    def is_broken(self) -> bool:
        """True while calls are passed by, because earlier ones failed."""
        return self._breaker.is_open

    async def check(self) -> None:
        """Ask whether Redis takes what `REDIS_URL` says; one that does not answer is no fault.

        Waits longer than any call.

        Raises:
            Misconfigured: it refuses the credentials or a ping, or is not to be trusted.
        """
        with suppress(Unavailable), anyio.move_on_after(2.0 * _CONNECT_S):
            try:
                await self._jobs.run(lambda: self._asked(("PING",)))
            except _Refused as error:
                raise Misconfigured(error.detail) from error

    async def ping(self) -> None:
        """Answers when Redis does.

        Raises:
            Unavailable: it does not, or its breaker is open.
        """
        await self.call("PING")

    async def call(self, *command: str | bytes | int) -> Reply:
        """The reply to one command.

        Raises:
            Unavailable: there is none in time, it is an error, or the breaker is open. Whether
                the command took effect is then unknown.
        """
        ticket = self._breaker.enter()
        started, outcome = perf_counter(), ErrorKind.UNAVAILABLE.value
        try:
            with anyio.fail_after(self._budget_s):
                reply = await self._jobs.run(lambda: self._asked(command))
        except TimeoutError as error:
            self._breaker.failed(ticket)
            raise Unavailable("Redis did not answer in time") from error
        except _Refused:
            self._breaker.succeeded()
            raise
        except SfmError:
            self._breaker.failed(ticket)
            raise
        except BaseException:  # cancelled: says nothing of the server, and goes on
            self._breaker.left(ticket)
            raise
        else:
            outcome = "ok"
            self._breaker.succeeded()
            return reply
        finally:
            took = perf_counter() - started
            self._telemetry.observe("redis_duration_seconds", took, outcome=outcome)

    async def evaluate(
        self, script: str, keys: Sequence[str], arguments: Sequence[str | bytes | int]
    ) -> Reply:
        """What a Lua script returns; it runs at once or not at all.

        Raises:
            Unavailable: as `call`.
        """
        return await self.call("EVAL", script, len(keys), *keys, *arguments)

    async def _asked(self, command: tuple[str | bytes | int, ...]) -> Reply:
        try:
            return await self._client.execute_command(*command)  # type: ignore[no-untyped-call]
        except (ResponseError, AuthenticationError) as error:
            raise _Refused(refusal(error)) from error
        except (RedisError, OSError) as error:
            reason = tls_refusal(error)
            raise _Refused(reason) if reason else Unavailable("Redis does not answer") from error


class _Refused(Unavailable):
    """Redis answered, with an error: full, read-only, no permission."""


def _client(url: str, budget_s: float) -> "Redis":
    try:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=budget_s,
            socket_connect_timeout=_CONNECT_S,
            socket_timeout=_REPLY_S,
            retry=Retry(NoBackoff(), 1, supported_errors=(NoConnection,)),
            protocol=2,
            driver_info=None,
            decode_responses=False,
        )
        pool.make_connection()  # type: ignore[no-untyped-call]
    except (ValueError, TypeError, RedisError) as error:
        raise Misconfigured("REDIS_URL is not a URL of Redis") from error
    return Redis.from_pool(pool)
