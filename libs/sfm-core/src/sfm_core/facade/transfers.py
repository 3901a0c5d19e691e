"""The facade's calls that move a whole namespace."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from contextlib import aclosing

import anyio.to_thread

from sfm_core import decode, encode
from sfm_core.facade.opened import Opened

_CHUNK_BYTES = 64 * 1024


class Transfers(Opened):
    """Export and import, in constant memory."""

    async def export(self, *, history: bool = False, vectors: bool = False) -> AsyncIterator[bytes]:
        """The namespace as it is now, as NDJSON in pieces of whole lines, to be written to a file.

        What `GET /v1/{ns}/export` answers. A file whose last line is not the `end` line is not
        whole; importing it tells.

        Raises:
            Conflict: the namespace was erased meanwhile.
            Unavailable: the store does not answer.
        """
        pieces = self.runtime.exports.lines(self.namespace, history=history, vectors=vectors)
        async with aclosing(pieces):
            async for piece in pieces:
                yield piece

    async def import_lines(
        self, source: AsyncIterable[bytes] | Iterable[bytes], *, mode: str = "merge"
    ) -> AsyncIterator[encode.Document]:
        """What becomes of each line of `source`, at the end a summary: as `POST /v1/{ns}/import`.

        `source` gives bytes cut anywhere, e.g. a file opened with `"rb"` (read on a thread). A
        bad line fails by itself; the same lines again change nothing. Nothing is read ahead of
        the results you take.

        Raises:
            InvalidInput: `mode` is neither `merge` nor `replace`.
        """
        wanted = decode.import_mode({"mode": mode})
        chunks = source if isinstance(source, AsyncIterable) else _read(source)
        results = self.runtime.imports.results(self.namespace, chunks, mode=wanted)
        async with aclosing(results):
            async for documents in results:
                for document in documents:
                    yield document


async def _read(source: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Joined to pieces of some size, on a thread: it may be a file."""
    items = iter(source)
    while piece := await anyio.to_thread.run_sync(_piece, items):
        yield piece


def _piece(items: Iterator[bytes]) -> bytes:
    found, size = [], 0
    for item in items:
        found.append(item)
        size += len(item)
        if size >= _CHUNK_BYTES:
            break
    return b"".join(found)
