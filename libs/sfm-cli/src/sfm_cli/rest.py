"""The client over HTTP: to a server, or to the REST application in this process."""

from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager, contextmanager
from typing import Final, final

import httpx

from sfm_cli.client import INDEXED, BulkReply, Condition, Document, waiting
from sfm_cli.failures import Failure
from sfm_core.coordinates import Coordinate
from sfm_core.errors import (
    DeadlineExceeded,
    Fault,
    InvalidInput,
    Misconfigured,
    SfmError,
    Unavailable,
)
from sfm_core.runtime.wire import PROBLEM_TYPE
from sfm_core.unjudged import unjudged
from sfm_standalone.settings import is_loopback

_TIMEOUT: Final = httpx.Timeout(150.0, connect=5.0)
"""Longer than the server's own deadlines, of which the longest is 120 s: it is to say it."""
_STREAM_TIMEOUT: Final = httpx.Timeout(300.0, connect=5.0, write=None)
"""The other side reads as fast as it can store; it says itself when nothing moves."""
_JSON: Final = {"Content-Type": "application/json"}
_GATEWAY: Final = frozenset({502, 503, 504})


@asynccontextmanager
async def open_remote(url: str, token: str | None, namespace: str) -> AsyncGenerator["RestClient"]:
    """A client of the server at `url`, which `target.checked_url` has judged."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    try:
        http = httpx.AsyncClient(
            base_url=url,
            headers=headers,
            timeout=_TIMEOUT,
            # a proxy cannot reach what listens on this machine only
            trust_env=not is_loopback(httpx.URL(url).host),
        )
    except UnicodeEncodeError:
        raise Failure.of(Misconfigured("the token holds characters no header can carry")) from None
    async with http:
        yield RestClient(http, namespace)


@final
class RestClient:
    """A `Client`; the server behind `http` judges everything."""

    def __init__(self, http: httpx.AsyncClient, namespace: str) -> None:
        self._http = http
        self._root = f"/v1/{namespace}"

    async def store(
        self,
        coordinate: Coordinate,
        memory: Document,
        *,
        condition: Condition | None = None,
        key: str | None = None,
        wait: str = INDEXED,
    ) -> Document:
        return _document(
            await self._call(
                "PUT",
                f"/memories/{coordinate.text}",
                content=unjudged(memory),
                params=waiting(wait),
                headers=_write_headers(condition, key),
            )
        )

    async def remember(
        self, memory: Document, *, key: str | None = None, wait: str = INDEXED
    ) -> Document:
        return _document(
            await self._call(
                "POST",
                "/memories",
                content=unjudged(memory),
                params=waiting(wait),
                headers=_write_headers(None, key),
            )
        )

    async def get(self, coordinate: Coordinate) -> Document:
        return _document(await self._call("GET", f"/memories/{coordinate.text}"))

    async def list(self, asked: Mapping[str, str]) -> Document:
        _check_text(asked)
        return _document(await self._call("GET", "/memories", params=asked))

    async def delete(
        self,
        coordinate: Coordinate,
        *,
        condition: Condition | None = None,
        key: str | None = None,
        wait: str = INDEXED,
    ) -> None:
        headers = _write_headers(condition, key)
        path = f"/memories/{coordinate.text}"
        await self._call("DELETE", path, params=waiting(wait), headers=headers)

    async def recall(self, asked: Document) -> Document:
        return _document(
            await self._call("POST", "/recall", content=unjudged(asked), headers=_JSON)
        )

    async def stats(self) -> Document:
        return _document(await self._call("GET", "/stats"))

    async def namespaces(self) -> Document:
        return _document(await self._call("GET", "/v1/namespaces", root=""))

    async def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Document | None = None,
        condition: Condition | None = None,
        key: str | None = None,
    ) -> Document:
        _check_text(params or {})
        answer = await self._call(
            method,
            path,
            content=None if body is None else unjudged(body),
            params=params,
            headers=_write_headers(condition, key)
            if body is not None or key or condition
            else None,
        )
        return _document(answer) if answer.content else {}

    async def store_bulk(self, memories: Sequence[bytes], *, key: str) -> BulkReply:
        try:
            answer = await self._call(
                "POST",
                "/memories:batch",
                content=b'{"items":[' + b",".join(memories) + b"]}",
                headers=_write_headers(None, key),
            )
        except Failure as failure:
            if not (failure.document.get("durable") and "results" in failure.document):
                raise
            return BulkReply(document=failure.document, replayed=False)
        replayed = answer.headers.get("Idempotent-Replay") == "true"
        return BulkReply(document=_document(answer), replayed=replayed)

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        content: AsyncIterable[bytes] | None = None,
        media: str = "",
        accept: str = "",
    ) -> AsyncGenerator[AsyncIterator[bytes]]:
        _check_text(params or {})
        call = self._http.stream(
            method,
            self._root + path,
            params=params,
            content=content,
            headers={"Content-Type": media} | ({"Accept": accept} if accept else {})
            if media
            else None,
            timeout=_STREAM_TIMEOUT,
        )
        with self._reached():
            async with call as answer:
                if not answer.is_success:
                    await answer.aread()
                    raise self._failure(answer)
                yield answer.aiter_raw()

    async def _call(
        self,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        root: str | None = None,
    ) -> httpx.Response:
        with self._reached():
            answer = await self._http.request(
                method,
                (self._root if root is None else root) + path,
                content=content,
                params=params,
                headers=headers,
                timeout=_TIMEOUT,
            )
        if answer.is_success:
            return answer
        raise self._failure(answer)

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except httpx.TimeoutException as error:
            raise Failure.of(DeadlineExceeded(f"{self._where} does not answer in time")) from error
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
            raise Failure.of(Unavailable(f"{self._where} cannot be reached: {reason}")) from error

    def _failure(self, answer: httpx.Response) -> Failure:
        if _media(answer) == PROBLEM_TYPE:
            return Failure(_document(answer), retry_after_s=_retry_after(answer))
        said = f"HTTP {answer.status_code}, {_media(answer) or 'no content type'}"
        message = f"{self._where} does not answer as SFM does ({said})"
        gone = answer.status_code in _GATEWAY
        error: SfmError = Unavailable(message) if gone else Misconfigured(message)
        return Failure.of(error)

    @property
    def _where(self) -> str:
        return str(self._http.base_url).rstrip("/")


def _document(answer: httpx.Response) -> Document:
    try:
        found = answer.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Failure.of(Misconfigured(f"{answer.url.host} does not answer as SFM does (no JSON)"))
    return found


def _write_headers(condition: Condition | None, key: str | None) -> dict[str, str]:
    headers = dict(_JSON)
    if key is not None:
        headers["Idempotency-Key"] = key
    if condition is not None and condition.absent:
        headers["If-None-Match"] = "*"
    if condition is not None and condition.version is not None:
        headers["If-Match"] = f'"{condition.version}"'
    return headers


def _check_text(asked: Mapping[str, str]) -> None:
    faults = [
        Fault(f"/{name}", "is not UTF-8") for name, value in asked.items() if not _is_text(value)
    ]
    if faults:
        raise Failure.of(InvalidInput(faults[0].message, faults=faults))


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _media(answer: httpx.Response) -> str:
    return str(answer.headers.get("content-type", "")).partition(";")[0].strip()


def _retry_after(answer: httpx.Response) -> float | None:
    text = str(answer.headers.get("retry-after", ""))
    return float(text) if text.isascii() and text.isdigit() else None
