"""Results that wait for a reader: a little in memory, more of them in a file, then no more."""

import os
import tempfile
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import IO, Final, final

import anyio
import anyio.to_thread

MEMORY_BYTES: Final = 1024 * 1024
FILE_BYTES: Final = 64 * 1024 * 1024
_READ_BYTES: Final = 256 * 1024


@final
class Outbox:
    """A pipe between one writer and one reader, of pieces in order.

    A client that sends all before it reads must not stop us from reading: both sides would wait
    for ever. So what it does not read yet goes to a temporary file, up to `file_bytes`; only
    then does the writer wait.
    """

    def __init__(self, *, memory_bytes: int = MEMORY_BYTES, file_bytes: int = FILE_BYTES) -> None:
        self._memory_bytes = memory_bytes
        self._file_bytes = file_bytes
        self._pieces: deque[bytes] = deque()
        self._held = 0
        self._file: IO[bytes] | None = None
        self._read_at = self._written_at = 0
        self._closed = False
        self._changed = anyio.Condition()

    @classmethod
    @asynccontextmanager
    async def open(
        cls, *, memory_bytes: int = MEMORY_BYTES, file_bytes: int = FILE_BYTES
    ) -> AsyncGenerator["Outbox"]:
        outbox = cls(memory_bytes=memory_bytes, file_bytes=file_bytes)
        try:
            yield outbox
        finally:
            if outbox._file is not None:
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(outbox._file.close)

    @property
    def held_bytes(self) -> int:
        """In memory."""
        return self._held

    async def put(self, piece: bytes) -> None:
        """Add a piece; waits only when as much as is allowed is unread."""
        async with self._changed:
            while self._written_at - self._read_at >= self._file_bytes:
                await self._changed.wait()
            if not self._is_spilt and self._held + len(piece) <= self._memory_bytes:
                self._pieces.append(piece)
                self._held += len(piece)
            else:
                await anyio.to_thread.run_sync(self._spill, piece)
            self._changed.notify_all()

    async def close(self) -> None:
        """Nothing more comes."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()

    async def take(self) -> bytes | None:
        """What comes next, in pieces of any size; None at the end."""
        async with self._changed:
            while not (self._pieces or self._is_spilt or self._closed):
                await self._changed.wait()
            if self._pieces:
                piece = self._pieces.popleft()
                self._held -= len(piece)
            elif self._is_spilt:
                piece = await anyio.to_thread.run_sync(self._unspill)
            else:
                return None
            self._changed.notify_all()
            return piece

    @property
    def _is_spilt(self) -> bool:
        """From then on until it is read all goes to the file, so that nothing overtakes."""
        return self._written_at > 0

    def _spill(self, piece: bytes) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="sfm-import-")  # noqa: SIM115 - `open` closes it
        os.pwrite(self._file.fileno(), piece, self._written_at)
        self._written_at += len(piece)

    def _unspill(self) -> bytes:
        if self._file is None:
            raise AssertionError("what was spilt has a file")
        piece = os.pread(self._file.fileno(), _READ_BYTES, self._read_at)
        self._read_at += len(piece)
        if self._read_at == self._written_at:
            self._read_at = self._written_at = 0
            self._file.truncate(0)
        return piece
