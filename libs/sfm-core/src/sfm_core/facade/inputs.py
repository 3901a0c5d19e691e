"""What a program gives, judged by the same rules as a REST body."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

import anyio.to_thread

from sfm_core import decode, jsontext
from sfm_core.coordinates import Coordinate
from sfm_core.errors import InvalidInput
from sfm_core.model import Receipt

type At = Sequence[float] | str | Coordinate
"""A coordinate: numbers, `"1,2.5,-3"`, or one already made."""


def coordinate_of(at: At) -> Coordinate:
    if isinstance(at, Coordinate):
        return at
    return Coordinate.parse(at) if isinstance(at, str) else decode.coordinate_list(list(at))


def text_of(at: At) -> str:
    """What a query parameter would say: a text as it was given, to be judged with the rest."""
    return at if isinstance(at, str) else coordinate_of(at).text


def raw_memory(payload: object, fields: Mapping[str, object]) -> object:
    return judged({"payload": payload, **{k: v for k, v in fields.items() if v is not None}})


def judged(raw: object, limits: jsontext.Limits = jsontext.ONE) -> object:
    """What a REST body of the same content decodes to, held to the same limits."""
    try:
        text = json.dumps(raw, default=_written)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"not JSON: {error}") from error
    return jsontext.loads(text.encode(), limits=limits)


async def judged_on_thread(raw: object) -> object:
    return await anyio.to_thread.run_sync(judged, raw, jsontext.BATCH)


def _written(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not a JSON value")


def receipt_of(key: str | None, call: str, at: object, raw: object) -> Receipt | None:
    if key is None:
        return None
    where = at.text if isinstance(at, Coordinate) else at
    return Receipt(key=key, fingerprint=jsontext.canonical([call, where, raw]))
