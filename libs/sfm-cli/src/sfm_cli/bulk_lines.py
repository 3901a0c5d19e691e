"""NDJSON in: lines, cut into batches that come out the same on every run over the same input."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import BinaryIO, Final

from sfm_cli.failures import Failure
from sfm_core import jsontext
from sfm_core.errors import Fault, InvalidInput, TooLarge

MAX_LINES: Final = 500
"""Of one batch; fewer than REST takes, so that a reply stays small and progress steady."""
MAX_BYTES: Final = 8 * 1024 * 1024
"""Half of what REST takes for a batch by default: a line fits in on top."""
_LONGEST: Final = jsontext.ONE.size_bytes


@dataclass(frozen=True, slots=True)
class Line:
    number: int
    """From 1, blank lines counted."""
    raw: bytes
    """One JSON value, without the line's end."""


@dataclass(slots=True)
class Batch:
    """Consecutive lines."""

    lines: list[Line] = field(default_factory=list)
    refused: list[tuple[int, Failure]] = field(default_factory=list)
    """Numbers of lines that are no JSON, and why: they are not sent."""
    size_bytes: int = 0
    """Of all its lines, blank ones included."""

    @property
    def is_full(self) -> bool:
        return len(self.lines) + len(self.refused) >= MAX_LINES or self.size_bytes >= MAX_BYTES


def batches(stream: BinaryIO) -> Iterator[Batch]:
    """The non-blank lines of `stream` in order; where a batch ends depends on its lines alone.

    Blocking. Holds one batch in memory; of a line that is too long, never all.
    """
    batch = Batch()
    for number, (raw, size_bytes) in enumerate(_lines(stream), start=1):
        batch.size_bytes += size_bytes
        if raw is None:
            error = TooLarge(f"the line has more than {_LONGEST} bytes")
            batch.refused.append((number, Failure.of(error)))
        elif raw.strip():
            _take(batch, number, raw.strip())
        if batch.is_full:
            yield batch
            batch = Batch()
    if batch.size_bytes:
        yield batch


def key_of(namespace: str, lines: Sequence[Line]) -> str:
    """The idempotency key of these lines at this place: the same on every run."""
    digest = blake2b(f"{namespace}\n".encode(), digest_size=24)
    for line in lines:
        digest.update(b"%d %d\n" % (line.number, len(line.raw)))
        digest.update(line.raw)
    return f"bulk-{digest.hexdigest()}"


def _take(batch: Batch, number: int, raw: bytes) -> None:
    try:
        jsontext.loads(raw)
    except InvalidInput as error:
        batch.refused.append((number, _of_the_line(error)))
    else:
        batch.lines.append(Line(number, raw))


def _of_the_line(error: InvalidInput) -> Failure:
    faults = [Fault(f.path, f.message.replace("the body", "the line")) for f in error.faults]
    return Failure.of(type(error)(faults[0].message, faults=faults))


def _lines(stream: BinaryIO) -> Iterator[tuple[bytes | None, int]]:
    """Each line with its size; None in place of one that is too long."""
    while raw := stream.readline(_LONGEST + 2):
        size_bytes = len(raw)
        fits = raw.endswith(b"\n") or len(raw) <= _LONGEST
        while not fits and raw and not raw.endswith(b"\n"):
            raw = stream.readline(_LONGEST)
            size_bytes += len(raw)
        yield (raw if fits else None), size_bytes
