"""What every RecordStore decides alike about single writes: pure, shared by all of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from sfm_core.coordinates import Coordinate
from sfm_core.errors import NotFound, PreconditionFailed, SfmError
from sfm_core.model import Delete, Keep, Precondition, Write


@dataclass(frozen=True, slots=True)
class Held:
    """What stands under a coordinate while its lock is held."""

    version: int
    live: bool


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


def refusal(write: Write, held: Held | None) -> SfmError | None:
    """Why the write must not happen to what is held; None when it may."""
    if isinstance(write, Delete) and held is None:
        return NotFound("nothing was ever stored there", coordinate=write.coordinate.text)
    if isinstance(write, Keep) and (held is None or not held.live):
        return NotFound("no memory lives there", coordinate=write.coordinate.text)
    if write.precondition is not None and not _holds(write.precondition, held):
        return broken_precondition(write)
    return None


def broken_precondition(write: Write) -> PreconditionFailed:
    return PreconditionFailed(
        "the stored memory is not what the request expects", coordinate=write.coordinate.text
    )


def _holds(precondition: Precondition, held: Held | None) -> bool:
    live = held is not None and held.live
    if precondition.absent and live:
        return False
    if precondition.version is None:
        return True
    return held is not None and live and held.version == precondition.version
