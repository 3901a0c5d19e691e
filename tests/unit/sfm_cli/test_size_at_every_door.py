"""What REST takes, the command line and Python take too: sizes are those of UTF-8."""

import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx
import orjson
import pytest

from sfm_api.app import create_app
from sfm_cli.failures import Failure
from sfm_cli.rest import RestClient
from sfm_core.assembled import Runtime
from sfm_core.coordinates import Coordinate
from sfm_core.errors import InvalidInput, TooLarge
from sfm_core.factory import MemoryMode, create_memory_system
from sfm_core.jsontext import ONE
from tests.unit.sfm_api.api_client import AUTHORIZED, SETTINGS, client_of
from tests.unit.sfm_api.twin_runtime import twin_runtime

AT, TEXT = "1", "long"
HAN = {"said": "漢" * 200_000}
"""600 000 bytes in UTF-8, 1 200 000 with ASCII escapes."""
TWINS = {"postgres_url": "memory://", "embedder": "hash"}

type Payload = Mapping[str, Any]
type Says = Callable[[Payload], Awaitable[tuple[int, list[str]]]]


def filling(size: int) -> Payload:
    """A payload that makes just this size of body, two bytes a character and many numbers."""
    numbers = [1] * 1000
    empty = len(orjson.dumps({"payload": {"n": numbers, "said": ""}, "text": TEXT}))
    left = size - empty
    return {"n": numbers, "said": "é" * (left // 2) + "a" * (left % 2)}


async def by_curl(payload: Payload) -> tuple[int, list[str]]:
    async with twin_runtime() as runtime, client_of(create_app(runtime, SETTINGS)) as http:
        answer = await http.put(
            f"/v1/demo/memories/{AT}",
            content=orjson.dumps({"payload": payload, "text": TEXT}),
            headers={"Content-Type": "application/json"},
        )
    faults = answer.json().get("errors", [])
    return answer.status_code, [fault["path"] for fault in faults]


async def by_client(payload: Payload) -> tuple[int, list[str]]:
    async with twin_runtime() as runtime, _http(runtime) as http:
        try:
            await RestClient(http, "demo").store(
                Coordinate.parse(AT), {"payload": payload, "text": TEXT}
            )
        except Failure as failure:
            faults = failure.document.get("errors", [])
            return failure.document["status"], [fault["path"] for fault in faults]
    return 201, []


async def by_python(payload: Payload) -> tuple[int, list[str]]:
    async with create_memory_system(MemoryMode.EVENTED_ENTERPRISE, "demo", TWINS) as memory:
        try:
            await memory.store(AT, payload, text=TEXT)
        except TooLarge as error:
            return 413, [fault.path for fault in error.faults]
        except InvalidInput as error:
            return 422, [fault.path for fault in error.faults]
    return 201, []


def _http(runtime: Runtime) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=create_app(runtime, SETTINGS))
    return httpx.AsyncClient(transport=transport, base_url="http://t", headers=AUTHORIZED)


DOORS = pytest.mark.parametrize("says", [by_curl, by_client, by_python])


@DOORS
async def test_every_door_stores_what_utf_8_has_room_for(says: Says) -> None:
    assert await says(HAN) == (201, [])


@DOORS
async def test_every_door_ends_at_the_same_byte(says: Says) -> None:
    assert await says(filling(ONE.size_bytes)) == (201, [])
    assert (await says(filling(ONE.size_bytes + 1)))[0] == 413


@pytest.mark.parametrize("says", [by_client, by_python])
@pytest.mark.parametrize(
    ("payload", "path"),
    [
        ({"said": "漢\ud800"}, "/payload/said"),
        ({"\\\udfff": 1}, "/payload/\\\udfff"),
        ({"n": [0, math.nan]}, "/payload/n/1"),
        ({"n": -math.inf}, "/payload/n"),
        ({"n": 2**63}, "/payload/n"),
        ({"said": "\0"}, "/payload/said"),
    ],
)
async def test_what_no_json_of_ours_holds_is_refused_with_its_path(
    says: Says, payload: Payload, path: str
) -> None:
    status, paths = await says(payload)
    assert status == 422
    assert [said.encode("utf-8", "backslashreplace") for said in paths] == [
        path.encode("utf-8", "backslashreplace")
    ]
