"""Lines in, what became of each out: batch by batch, so that neither side is ever held whole."""

from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import Final, final

import anyio

from sfm_core import encode
from sfm_core.decode.transfers import LINE
from sfm_core.errors import SfmError, Unavailable
from sfm_core.model import ImportMode
from sfm_core.offload import off_loop
from sfm_core.transfer.batches import Batch, batches_of
from sfm_core.transfer.lines import LineCutter
from sfm_core.transfer.reading import Reader
from sfm_core.transfer.tally import Result, Tally
from sfm_core.transfer.writing import Landing, Writer

BLOCK_LINES: Final = 500
BLOCK_BYTES: Final = 4 * 1024 * 1024
"""What is read before it is worked on: as much as one line may have on top."""
_PAUSES_S: Final = (0.25, 1.0, 3.0)
"""Before a batch that found no answer is tried again; a repeat does no harm."""


@final
class Imports:
    """Reads namespaces in.

    Every line is judged and written by itself. What a line says is written at most once, however
    often a file comes; an import that was cut is finished by running it again.
    """

    def __init__(self, *, landing: Landing) -> None:
        self.landing = landing

    async def results(
        self,
        namespace: str,
        source: AsyncIterable[bytes],
        *,
        mode: ImportMode = ImportMode.MERGE,
        max_line_bytes: int = LINE.size_bytes,
        request_id: str = "",
    ) -> AsyncGenerator[Sequence[encode.Document]]:
        """For each batch of lines its results, in order; at the end one summary.

        Reads `source` (bytes cut anywhere) only when the results before were taken. Lines of a
        header, an importance or an end have a result only when something is wrong with them.
        When the store or the embedder does not answer for long, the summary says so, and from
        which line on nothing is known to be done. What `source` raises comes out as it is; what
        was read before is written then or is not, as whole lines.
        """
        reader, tally = Reader(), Tally()
        writer = Writer(self.landing, namespace, mode)
        error: SfmError | None = None
        try:
            async with aclosing(_blocks(source, max_line_bytes)) as blocks:
                async for block in blocks:
                    read = await off_loop(partial(reader.read, block), when=len(block) > 1)
                    for batch in batches_of(read):
                        results = await _patiently(writer, batch)
                        yield tally.count(results, request_id, last=batch.last)
        except SfmError as failure:
            error = failure
        yield [tally.summary(complete=reader.complete, error=error, request_id=request_id)]


async def _blocks(
    source: AsyncIterable[bytes], max_line_bytes: int
) -> AsyncGenerator[list[tuple[int, bytes | None]]]:
    """Numbered lines, as many as are worked on at once."""
    cutter = LineCutter(max_line_bytes)
    block = _Block()
    async for chunk in source:
        for number, line in cutter.feed(chunk):
            block.add(number, line)
            if block.is_full:
                yield block.taken()
    for number, line in cutter.finish():
        block.add(number, line)
    if block.lines:
        yield block.taken()


@dataclass(slots=True)
class _Block:
    lines: list[tuple[int, bytes | None]] = field(default_factory=list)
    size_bytes: int = 0

    def add(self, number: int, line: bytes | None) -> None:
        self.lines.append((number, line))
        self.size_bytes += len(line or b"")

    @property
    def is_full(self) -> bool:
        return len(self.lines) >= BLOCK_LINES or self.size_bytes >= BLOCK_BYTES

    def taken(self) -> list[tuple[int, bytes | None]]:
        lines, self.lines, self.size_bytes = self.lines, [], 0
        return lines


async def _patiently(writer: Writer, batch: Batch) -> list[Result]:
    for pause_s in _PAUSES_S:
        try:
            return await writer.write(batch)
        except Unavailable:
            await anyio.sleep(pause_s)
    return await writer.write(batch)
