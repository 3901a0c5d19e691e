"""A stream of bytes as numbered lines, of which none is ever held that is too long."""

from collections.abc import Iterator
from typing import final


@final
class LineCutter:
    """Cuts chunks into lines; holds at most one unfinished line of the allowed length.

    A line is given without its end and the white space around it, with its number from 1; blank
    ones are counted and left out. One that is too long is given as None.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._rest = bytearray()
        self._too_long = False
        self.number = 0
        """Of the last line that was given or left out."""

    @property
    def held_bytes(self) -> int:
        return len(self._rest)

    def feed(self, chunk: bytes) -> Iterator[tuple[int, bytes | None]]:
        """The lines that end in this chunk. To be read to its end before the next call."""
        start = 0
        while (end := chunk.find(b"\n", start)) >= 0:
            self._hold(chunk, start, end)
            start = end + 1
            yield from self._cut()
        self._hold(chunk, start, len(chunk))

    def finish(self) -> Iterator[tuple[int, bytes | None]]:
        """The last line, when the stream did not end with a line's end."""
        if self._rest or self._too_long:
            yield from self._cut()

    def _hold(self, chunk: bytes, start: int, end: int) -> None:
        if len(self._rest) + end - start > self._max_bytes:
            self._too_long = True
            self._rest.clear()
        if not self._too_long:
            self._rest += memoryview(chunk)[start:end]

    def _cut(self) -> Iterator[tuple[int, bytes | None]]:
        self.number += 1
        line = bytes(self._rest).strip(b" \t\r\n")
        too_long, self._too_long = self._too_long, False
        self._rest.clear()
        if too_long:
            yield self.number, None
        elif line:
            yield self.number, line
