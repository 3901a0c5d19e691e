"""Which records of a fetch are events."""

from collections.abc import Sequence
from typing import Final

from sfm_core.errors import InvalidInput
from sfm_core.offload import INLINE_CHARS, off_loop
from sfm_events.codec import decode
from sfm_events.ports import Delivered, Partition, Record

type Place = tuple[Partition, int]
"""Partition and offset."""

_NO_VALUE: Final = "the record has no value"


def place_of(record: Record) -> Place:
    return record.partition, record.offset


async def decoded(batch: Sequence[Record]) -> tuple[list[Delivered], dict[Place, str]]:
    """The events, and why others are none; on a thread when they are large."""
    size = sum(len(record.value or b"") for record in batch)
    judged = await off_loop(lambda: [_judged(record) for record in batch], when=size > INLINE_CHARS)
    dead = {
        place_of(record): one
        for record, one in zip(batch, judged, strict=True)
        if isinstance(one, str)
    }
    return [one for one in judged if isinstance(one, Delivered)], dead


def _judged(record: Record) -> Delivered | str:
    if record.value is None:
        return _NO_VALUE
    try:
        return Delivered(record=record, event=decode(record.value))
    except InvalidInput as error:
        said = "; ".join(f"{fault.path or '/'} {fault.message}" for fault in error.faults)
        return f"{error.kind}: {said}"
    except Exception as error:  # noqa: BLE001 - a bug that one record brings out stops no other
        return f"crash: {type(error).__name__}"
