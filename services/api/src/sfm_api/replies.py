"""Answers: JSON, and the headers that writes carry."""

from collections.abc import Callable, Mapping
from typing import Final

from starlette.responses import Response

from sfm_core import encode, jsontext
from sfm_core.model import Stored, Wait
from sfm_core.offload import off_loop

JSON: Final = "application/json"


def json(data: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        jsontext.dumps(data),
        status_code=status,
        headers=None if headers is None else dict(headers),
        media_type=JSON,
    )


async def large(
    document: Callable[[], object],
    headers: Mapping[str, str] | None = None,
    *,
    when: bool = True,
    status: int = 200,
) -> Response:
    """As `json`, with encoding and serialising done on a thread `when` they are much work."""
    body = await off_loop(lambda: jsontext.dumps(document()), when=when)
    said = None if headers is None else dict(headers)
    return Response(body, status_code=status, headers=said, media_type=JSON)


def etag(version: int) -> dict[str, str]:
    return {"ETag": f'"{version}"'}


def written(position: int, *, replayed: bool) -> dict[str, str]:
    """Headers of every write."""
    found = {"Sfm-Position": str(position)}
    return found | {"Idempotent-Replay": "true"} if replayed else found


def code(wait: Wait, otherwise: int = 200) -> int:
    """Of a write that succeeded: 202 to those who did not wait for all of it."""
    return 202 if wait is Wait.DURABLE else otherwise


def stored(done: Stored, *, wait: Wait, status: int = 200) -> Response:
    """`Stored` of the contract, with the headers of what it says."""
    said = etag(done.version) | written(done.position, replayed=done.replayed)
    return json(encode.stored(done), code(wait, status), said)
