"""What a program gives, judged by the same rules as a REST body."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import blake2b

import anyio.to_thread

from sfm_core import decode, jsontext
from sfm_core.coordinates import Coordinate
from sfm_core.errors import InvalidInput
from sfm_core.model import Precondition, Receipt
from sfm_core.unjudged import unjudged

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
        text = unjudged(raw, default=_written)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"not JSON: {error}") from error
    return jsontext.loads(text, limits=limits)


async def judged_on_thread(raw: object) -> object:
    return await anyio.to_thread.run_sync(judged, raw, jsontext.BATCH)


def _written(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not a JSON value")


def receipt_of(key: str | None, call: str, at: object, raw: object) -> Receipt | None:
    """Judges the key as REST does.

    Raises:
        InvalidInput: it is none.
    """
    if key is None:
        return None
    where = at.text if isinstance(at, Coordinate) else at
    said = {"call": call, "at": where, "raw": raw}
    print_ = blake2b(digest_size=32)
    for piece in jsontext.canonical_pieces(said):
        print_.update(piece)
    return Receipt(key=decode.idempotency_key(key), fingerprint=print_.digest())


def condition_of(precondition: Precondition | None) -> Precondition | None:
    """The precondition, when it is one that REST's headers can say.

    Raises:
        InvalidInput: its version is none.
    """
    if precondition is not None and precondition.version is not None:
        decode.asked_version(precondition.version)
    return precondition
