"""A request's body as a model value, parsed off the loop when it is large."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b

import anyio.to_thread
from starlette.requests import Request

from sfm_api.state import State
from sfm_core import jsontext
from sfm_core.model import Json


@dataclass(frozen=True, slots=True)
class Received[T]:
    value: T
    digest: bytes
    """Of the JSON value, whatever its spacing and order of keys."""


async def received[T](
    request: Request[State], decode: Callable[[Json], T], *, batch: bool = False
) -> Received[T]:
    """The body, parsed and decoded; a `batch` may hold more values.

    Raises:
        MalformedJson: it is not JSON.
        InvalidInput: `decode` found faults.
        TooLarge: it is over the limit of this call.
    """
    services = request.state["services"]
    bounds = services.batch_json if batch else services.json
    raw = await request.body()
    if len(raw) <= jsontext.THREAD_BYTES:
        return _parsed(raw, bounds, decode)
    return await anyio.to_thread.run_sync(_parsed, raw, bounds, decode)


def _parsed[T](raw: bytes, bounds: jsontext.Limits, decode: Callable[[Json], T]) -> Received[T]:
    value = jsontext.loads(raw, limits=bounds)
    digest = blake2b(digest_size=32)
    for piece in jsontext.canonical_pieces(value):
        digest.update(piece)
    return Received(decode(value), digest.digest())
