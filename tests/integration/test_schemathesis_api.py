"""Schemathesis over the OpenAPI document, against the app served on the in-memory twin.

Every call is generated with good and with spoilt inputs, and sent over a real socket. No answer
is a 5xx; each has a status, a content type, headers and a body that the document names; spoilt
input is refused; methods that are not there are 405; no call works without its token.
`SFM_TEST_SCHEMATHESIS_EXAMPLES` sets how many inputs each call gets.
"""

import json
import os
from collections.abc import Iterator
from threading import Event, Thread
from typing import Any

import anyio
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS

from sfm_api.app import create_app
from tests.servers.sockets import on_a_port
from tests.unit.sfm_api.api_client import AUTHORIZED, SETTINGS, openapi
from tests.unit.sfm_api.twin_runtime import twin_runtime

EXAMPLES = int(os.environ.get("SFM_TEST_SCHEMATHESIS_EXAMPLES", "40"))

NOT = ("positive_data_acceptance",)
"""A schema cannot say all that is wrong: that two headers exclude each other, or what a filter
means. That valid input is accepted is the matter of the tests by example."""


@schemathesis.serializer("application/x-ndjson")
def lines_of(_: object, value: object) -> bytes:
    """Bodies of streams: any text, or a value as the one line."""
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


schema = schemathesis.openapi.from_dict(openapi())


class Served:
    """The app on a thread with a loop of its own."""

    def __init__(self) -> None:
        self.url = ""
        self._ready = Event()
        self._stop = Event()
        self._thread = Thread(target=lambda: anyio.run(self._serve), daemon=True)

    def __enter__(self) -> "Served":
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive()

    async def _serve(self) -> None:
        async with (
            twin_runtime() as runtime,
            on_a_port(create_app(runtime, SETTINGS)) as port,
        ):
            self.url = f"http://127.0.0.1:{port}"
            self._ready.set()
            await anyio.to_thread.run_sync(self._stop.wait)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with Served() as served:
        yield served.url


@schema.hook
def map_body(context: schemathesis.HookContext, body: object) -> object:
    """A position that the log never reaches is waited for, then 504: as promised, but slow."""
    del context
    for query in _queries(body):
        position = query.get("min_position")
        if isinstance(position, int | float) and position > 0:
            query["min_position"] = 0
    return body


def _queries(body: object) -> list[dict[str, Any]]:
    if not isinstance(body, dict):
        return []
    several = body.get("queries")
    candidates = [body, *(several if isinstance(several, list) else [])]
    return [one for one in candidates if isinstance(one, dict)]


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    database=None,
)
def test_every_answer_is_one_that_the_document_names(
    case: schemathesis.Case[Any], url: str
) -> None:
    left_out: list[Any] = [CHECKS.get_one(name) for name in NOT]
    case.call_and_validate(base_url=url, headers=AUTHORIZED, excluded_checks=left_out)
