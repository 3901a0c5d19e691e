"""Streams of lines, out of files and answers."""

from collections.abc import AsyncIterable, AsyncIterator
from typing import BinaryIO, Final

import anyio.to_thread

_CHUNK_BYTES: Final = 64 * 1024


async def chunks(file: BinaryIO) -> AsyncIterator[bytes]:
    """What a file holds, in pieces, as they come."""
    read = getattr(file, "read1", file.read)
    # abandoned on Ctrl-C: a terminal or a pipe may never give another byte
    while piece := await anyio.to_thread.run_sync(read, _CHUNK_BYTES, abandon_on_cancel=True):
        yield piece


async def lines(pieces: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """The lines without their ends; also the last one, when it has none."""
    rest = b""
    async for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line
    if rest:
        yield rest
