"""Runs numbered requests against the application over PostgreSQL, and finds fault."""

import json
import logging
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, override

import asyncpg
from starlette.types import ASGIApp

from sfm_api.app import create_app
from sfm_core.factory import open_runtime
from sfm_core.runtime.api_settings import ApiSettings
from sfm_core.runtime.core_settings import CoreSettings
from sfm_core.runtime.secret import Secret
from tests.fuzz.calling import Answer, call, raw, send_raw
from tests.fuzz.database import Watched
from tests.fuzz.requests import NAMESPACES, Request, request_of
from tests.servers.sockets import on_a_port

TOKEN: Final = "a-token-for-the-fuzzer-4711"
_TRACES: Final = (b"Traceback (most recent call last)", b'File "/', b"asyncpg", b"site-packages")
_PROBLEM: Final = "application/problem+json"


@dataclass(slots=True)
class Report:
    statuses: Counter[int] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    compared: int = 0
    """Refused requests during which a transaction took a number, so that tables were compared."""
    faults: list[str] = field(default_factory=list)

    def add(self, other: "Report") -> None:
        self.statuses += other.statuses
        self.calls += other.calls
        self.refused += other.refused
        self.compared += other.compared
        self.faults += other.faults


class _Crashes(logging.Handler):
    """Notes what was logged with a stack trace, or as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[str] = []

    @override
    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info or record.getMessage() == "request.crashed":
            error = record.exc_info[1] if record.exc_info else None
            self.seen.append(f"{record.getMessage()}: {type(error).__name__}: {error}")


async def fuzz(
    seed: int, numbers: range, *, dsn: str, admin_dsn: str, over_a_socket: bool = False
) -> Report:
    """Send the requests with these numbers, one after the other, over a migrated database.

    `admin_dsn` is for the same database and sees every row.
    """
    report, crashes = Report(), _Crashes()
    logging.getLogger().addHandler(crashes)
    try:
        async with _application(dsn) as app, _watching(admin_dsn) as watched:
            await _fill(app)
            await watched.begin()
            async with _way(app, over_a_socket=over_a_socket) as way:
                for number in numbers:
                    request = request_of(seed, number)
                    answer = await way(request)
                    await _judge(report, watched, crashes, request, answer)
    finally:
        logging.getLogger().removeHandler(crashes)
    return report


async def _judge(
    report: Report, watched: Watched, crashes: _Crashes, request: Request, answer: Answer
) -> None:
    report.statuses[answer.status] += 1
    report.calls[request.operation.id] += 1
    wrong = _faults(request, answer) + crashes.seen
    crashes.seen.clear()
    if 200 <= answer.status < 300:
        if await watched.was_active():
            await watched.accept()
    else:
        report.refused += 1
        if await watched.was_active():
            report.compared += 1
            wrong += [f"it was refused, but wrote {table}" for table in await watched.changed()]
    report.faults += [f"{fault}\n    {answer.status} to {request.told()}" for fault in wrong]


def _faults(request: Request, answer: Answer) -> list[str]:
    found = []
    if answer.status >= 500:
        found.append(f"a {answer.status}: {answer.body[:300]!r}")
    if any(trace in answer.body for trace in _TRACES) and "openapi" not in request.path:
        found.append("the answer shows a stack trace")
    if answer.status >= 400 and answer.media == _PROBLEM and request.method != "HEAD":
        try:
            if json.loads(answer.body)["status"] != answer.status:
                found.append("the problem says another status")
        except (ValueError, KeyError):
            found.append(f"no problem document: {answer.body[:200]!r}")
    return found


@asynccontextmanager
async def _application(dsn: str) -> AsyncGenerator[ASGIApp]:
    settings = CoreSettings(postgres_url=Secret(dsn), embedder="hash", postgres_pool_size=2)
    async with open_runtime(settings) as runtime:
        yield create_app(runtime, ApiSettings(api_token=Secret(TOKEN)))


@asynccontextmanager
async def _watching(admin_dsn: str) -> AsyncGenerator[Watched]:
    connection = await asyncpg.connect(admin_dsn)
    try:
        yield Watched(connection)
    finally:
        await connection.close()


@asynccontextmanager
async def _way(app: ASGIApp, *, over_a_socket: bool):  # type: ignore[no-untyped-def]  # noqa: ANN202
    if not over_a_socket:

        async def inside(request: Request) -> Answer:
            answer = await call(app, request, TOKEN)
            if answer.status >= 400 and request.method != "HEAD" and answer.media != _PROBLEM:
                raise AssertionError(f"no problem document: {answer} to {request.told()}")
            return answer

        yield inside
        return
    async with on_a_port(app) as port:

        async def outside(request: Request) -> Answer:
            return await send_raw(port, raw(request, TOKEN))

        yield outside


async def _fill(app: ASGIApp) -> None:
    """Some memories, so that requests can name what is there."""
    for number, namespace in enumerate(NAMESPACES):
        for at in ("1", "1,2.5", "0.5"):
            request = request_of(0, number)
            body = json.dumps({"payload": {"said": f"tea at {at}"}, "tags": ["a"]}).encode()
            sound = Request(
                -1, "sound", request.operation, "PUT", f"/v1/{namespace}/memories/{at}",
                headers=(("content-type", b"application/json"),), body=body,
            )  # fmt: skip
            answer = await call(app, sound, TOKEN)
            if answer.status != 201:
                raise AssertionError(f"the memory to start from was not stored: {answer}")
