"""A request's body as a model value, parsed off the loop when it is large."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

import anyio.to_thread
import orjson
from starlette.requests import Request

from sfm_api.state import State
from sfm_core import jsontext
from sfm_core.model import Json

OFFLOAD_BYTES: Final = 65_536
"""From this size on, parsing is done on a thread: a mebibyte takes some ten milliseconds."""


@dataclass(frozen=True, slots=True)
class Received[T]:
    value: T
    digest: bytes
    """Of the JSON value, whatever its spacing and order of keys."""


async def received[T](request: Request[State], decode: Callable[[Json], T]) -> Received[T]:
    """The body, parsed and decoded.

    Raises:
        MalformedJson: it is not JSON.
        InvalidInput: `decode` found faults.
        TooLarge: it is over the limit of this call.
    """
    raw = await request.body()
    if len(raw) < OFFLOAD_BYTES:
        return _parsed(raw, decode)
    return await anyio.to_thread.run_sync(_parsed, raw, decode)


def _parsed[T](raw: bytes, decode: Callable[[Any], T]) -> Received[T]:
    value = jsontext.loads(raw)
    canonical = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return Received(decode(value), blake2b(canonical, digest_size=16).digest())
