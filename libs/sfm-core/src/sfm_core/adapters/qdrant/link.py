"""The way to Qdrant: every call ends within a budget, and while nothing answers none is made."""

import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Final, final

import anyio
import anyio.to_thread
import httpx
from qdrant_client import AsyncQdrantClient
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import (
    ApiException,
    ResponseHandlingException,
    UnexpectedResponse,
)

from sfm_core.adapters.qdrant.places import CONNECTIONS, QUEUE_S, Places
from sfm_core.errors import Declined, ErrorKind, Misconfigured, SfmError, Unavailable
from sfm_core.ports import NoTelemetry, Telemetry

BUDGET_S: Final = 1.0
"""Longest wait for one call on a few points; what moves many says how long it may take."""
_CEILING_S: Final = 120
"""Of the client itself; the budget ends a call long before."""
_CLOSE_S: Final = 1.0
_SAID: Final = 200


class Absent(Unavailable):
    """The collection is not there: nobody made it yet, or the server came back without it."""


class Refused(Declined):
    """The server answered that it will not do this."""


class Unwelcome(Misconfigured):
    """The server does not take the credentials, or is not the one that is trusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the server is, and how it is spoken to."""

    url: str
    api_key: str | None = None
    tls: bool = False
    """TLS also where the URL says `http`."""
    root_cert: Path | None = None
    """CA certificate to trust in place of the system's."""


@final
class QdrantLink:
    """Runs calls to one server, and says of what fails what a caller can do about it."""

    def __init__(
        self,
        client: AsyncQdrantClient,
        *,
        telemetry: Telemetry | None = None,
        budget_s: float = BUDGET_S,
    ) -> None:
        self._client = client
        self._places = Places(anyio.current_time, of="Qdrant")
        self._telemetry = telemetry or NoTelemetry()
        self._budget_s = budget_s

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        address: Address,
        *,
        telemetry: Telemetry | None = None,
        budget_s: float = BUDGET_S,
    ) -> AsyncGenerator["QdrantLink"]:
        """A link that connects with its first call; whether anybody is there is not asked.

        Raises:
            Misconfigured: the URL is none, or the CA certificate cannot be read.
        """
        client = await anyio.to_thread.run_sync(_client, address)
        try:
            yield cls(client, telemetry=telemetry, budget_s=budget_s)
        finally:
            with anyio.move_on_after(_CLOSE_S, shield=True), suppress(httpx.HTTPError, OSError):
                await client.close()

    @property
    def is_broken(self) -> bool:
        """True while calls are passed by, because earlier ones failed."""
        return self._places.is_broken

    async def call[T](
        self,
        operation: str,
        ask: Callable[[AsyncQdrantClient], Awaitable[T]],
        *,
        more_s: float = 0.0,
        patience_s: float | None = None,
    ) -> T:
        """What the server answers; `more_s` is what this call may take above the usual budget.

        `patience_s`: what the caller would wait at most, first for a place and then again for
        the answer, when that is less than the budget.

        Raises:
            Absent: there is no such collection.
            Refused: the server refuses it; what it says is in the message.
            Unwelcome: the server refuses the credentials, or its certificate is not trusted.
            Unavailable: no place or no answer in time, or the breaker is open; whether it took
                effect is then unknown.
        """
        budget_s = self._budget_s + more_s
        hurried = patience_s is not None and patience_s < budget_s
        wait_s = QUEUE_S
        if patience_s is not None:
            budget_s, wait_s = min(budget_s, patience_s), patience_s
        async with self._places.one(hurried=hurried, wait_s=wait_s) as place:
            started, outcome = perf_counter(), ErrorKind.UNAVAILABLE.value
            try:
                with anyio.fail_after(budget_s):
                    answer = await _asked(self._client, ask)
            except TimeoutError as error:
                place.ran_late()
                raise Unavailable("Qdrant did not answer in time") from error
            except (Absent, Refused):  # that it answers, it does
                place.answered()
                raise
            except SfmError:
                place.failed()
                raise
            except BaseException:
                place.left()
                raise
            else:
                outcome = "ok"
                place.answered()
                return answer
            finally:
                took = perf_counter() - started
                self._telemetry.observe(
                    "vector_store_duration_seconds", took, operation=operation, outcome=outcome
                )


async def _asked[T](
    client: AsyncQdrantClient, ask: Callable[[AsyncQdrantClient], Awaitable[T]]
) -> T:
    try:
        return await ask(client)
    except UnexpectedResponse as error:
        raise _judged(error) from error
    except ResponseHandlingException as error:
        if _distrusts(error.source):
            raise Unwelcome(
                "Qdrant's certificate is not trusted: QDRANT_TLS_CERT names the CA"
            ) from error
        raise Unavailable("Qdrant does not answer") from error
    except (ApiException, QdrantException, httpx.HTTPError, OSError) as error:
        raise Unavailable("Qdrant does not answer") from error


def _judged(error: UnexpectedResponse) -> SfmError:
    status = error.status_code or 0
    if status in (401, 403):
        return Unwelcome("Qdrant refuses the credentials: QDRANT_API_KEY is missing or wrong")
    if status == 404:
        return Absent("Qdrant has no such collection")
    if 400 <= status < 500:
        said = error.content[:_SAID].decode(errors="replace")
        return Refused(f"Qdrant refuses the call ({status}): {said}")
    return Unavailable(f"Qdrant fails ({status})")


def _distrusts(error: BaseException | None) -> bool:
    """Whether a TLS handshake failed for the certificate, somewhere in the chain of causes."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _client(address: Address) -> AsyncQdrantClient:
    """Reads certificates: not for the loop."""
    try:
        url = httpx.URL(address.url)
    except (httpx.InvalidURL, TypeError) as error:
        raise Misconfigured("QDRANT_URL is not a URL") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise Misconfigured("QDRANT_URL is http://host:port or https://host:port")
    if address.tls:
        url = url.copy_with(scheme="https")
    headers = {} if address.api_key is None else {"api-key": address.api_key}
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    said: dict[str, Any] = {"headers": headers, "limits": limits, "verify": _trust(url, address)}
    return AsyncQdrantClient(url=str(url), timeout=_CEILING_S, check_compatibility=False, **said)


def _trust(url: httpx.URL, address: Address) -> ssl.SSLContext:
    if url.scheme == "http":
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # asked for by the client, never used
    try:
        cafile = None if address.root_cert is None else str(address.root_cert)
        return ssl.create_default_context(cafile=cafile)
    except (OSError, ssl.SSLError) as error:
        raise Misconfigured("QDRANT_TLS_CERT is not a readable CA certificate") from error
