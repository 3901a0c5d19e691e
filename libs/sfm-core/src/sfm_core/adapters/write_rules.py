"""What every RecordStore decides alike about single writes: pure, shared by all of them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sfm_core import jsontext
from sfm_core.coordinates import Coordinate
from sfm_core.errors import Fault, InvalidInput, NotFound, PreconditionFailed, SfmError
from sfm_core.model import Delete, JsonObject, Keep, MemoryDraft, Precondition, Upsert, Write


@dataclass(frozen=True, slots=True)
class Held:
    """What stands under a coordinate while its lock is held."""

    version: int
    live: bool
    expires_at: datetime | None = None


def in_waves(writes: Sequence[Write]) -> list[list[tuple[int, Write]]]:
    """The writes with their indexes, cut so that no wave names a coordinate twice.

    The n-th write to a coordinate is in the n-th wave; order is kept inside each.
    """
    waves: list[list[tuple[int, Write]]] = []
    seen: dict[Coordinate, int] = {}
    for index, write in enumerate(writes):
        wave = seen.get(write.coordinate, 0)
        seen[write.coordinate] = wave + 1
        if wave == len(waves):
            waves.append([])
        waves[wave].append((index, write))
    return waves


def check_storable(writes: Sequence[Write]) -> None:
    """The last check before anything is written; the doors have said it better before.

    Raises:
        InvalidInput: U+0000 or a lone surrogate in a text, an importance that is not finite,
            a time without an offset.
    """
    faults = [
        fault
        for write in writes
        if isinstance(write, Upsert)
        for fault in _unstorable(write.draft, write.text)
    ]
    if faults:
        raise InvalidInput("the store cannot hold this value", faults=faults[:100])


def payload_text(payload: JsonObject) -> str:
    """The payload as JSON text: keys in their order, numbers in their shortest form.

    Raises:
        InvalidInput: it has no JSON form, or one that no store can hold.
    """
    try:
        text = jsontext.dumps(payload).decode()
    except TypeError as error:
        raise InvalidInput("the payload has no JSON form", path="/payload") from error
    if "\\u0000" in text and (faults := jsontext.faults_in(payload, "/payload")):
        raise InvalidInput("the store cannot hold this payload", faults=faults)
    return text


def refusal(write: Write, held: Held | None, now: datetime | None) -> SfmError | None:
    """Why the write must not happen to what is held; None when it may."""
    if held is not None and isinstance(write, Upsert) and has_expired(held.expires_at, now):
        held = replace(held, live=False)
    if isinstance(write, Delete) and held is None and not write.even_if_gone:
        return NotFound("nothing was ever stored there", coordinate=write.coordinate.text)
    if isinstance(write, Keep) and (held is None or not held.live):
        return NotFound("no memory lives there", coordinate=write.coordinate.text)
    if write.precondition is not None and not _holds(write.precondition, held):
        return broken_precondition(write)
    return None


def has_expired(expires_at: datetime | None, now: datetime | None) -> bool:
    """Whether a memory is past by `now`; None: never, or not to be looked at."""
    return expires_at is not None and now is not None and expires_at <= now


def content_rules(writes: Sequence[Write]) -> tuple[dict[Coordinate, int], list[Coordinate]]:
    """What `Precondition.alone_but_at` asks of a call: content keys by place; its exceptions."""
    asking = [
        (write, write.precondition.alone_but_at)
        for write in writes
        if isinstance(write, Upsert)
        and write.precondition is not None
        and write.precondition.alone_but_at is not None
    ]
    keys = {write.coordinate: write.content_key for write, _ in asking}
    return keys, list(frozenset[Coordinate]().union(*(but for _, but in asking)))


def broken_precondition(write: Write) -> PreconditionFailed:
    return PreconditionFailed(
        "the stored memory is not what the request expects", coordinate=write.coordinate.text
    )


def _holds(precondition: Precondition, held: Held | None) -> bool:
    live = held is not None and held.live
    if precondition.absent and live:
        return False
    if precondition.ended is not None:
        return not live and (0 if held is None else held.version) == precondition.ended
    if precondition.version is None:
        return True
    return held is not None and live and held.version == precondition.version


def _unstorable(draft: MemoryDraft, text: str) -> Iterator[Fault]:
    for path, value in (("/text", text), ("/session", draft.session), ("/source", draft.source)):
        if value is not None and not is_storable(value):
            yield Fault(path, "holds U+0000 or a lone surrogate")
    for index, tag in enumerate(draft.tags):
        if not is_storable(tag):
            yield Fault(f"/tags/{index}", "holds U+0000 or a lone surrogate")
    if not math.isfinite(draft.importance):
        yield Fault("/importance", "is not a finite number")
    for path, at in (("/occurred_at", draft.occurred_at), ("/expires_at", draft.expires_at)):
        if at is not None and _is_naive(at):
            yield Fault(path, "has no offset from UTC")


def is_storable(text: str) -> bool:
    """Whether a text has neither U+0000 nor a lone surrogate."""
    if "\x00" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_naive(at: datetime) -> bool:
    return at.utcoffset() is None
