"""The shape of a large JSON text, found block by block before anything is built.

Arrays instead of bytes methods: no step holds the interpreter for longer than a block takes, so
that the event loop comes round while a thread looks at 16 MiB.
"""

from dataclasses import dataclass, field
from typing import Final, final

import numpy as np
import numpy.typing as npt

type Bytes = npt.NDArray[np.uint8]
type Flags = npt.NDArray[np.bool_]
type Numbers = npt.NDArray[np.int64]

BLOCK_BYTES: Final = 512 * 1024

_QUOTE: Final = ord('"')
_BACKSLASH: Final = ord("\\")
_COMMA: Final = ord(",")
_COLON: Final = ord(":")
_OPENS: Final = (ord("["), ord("{"))
_INTERESTING: Final = np.zeros(256, np.bool_)
_INTERESTING[list(b'"\\[]{},:')] = True
_STEPS: Final = np.zeros(256, np.int64)
_STEPS[list(b"[{")] = 1
_STEPS[list(b"]}")] = -1


@dataclass(frozen=True, slots=True)
class Span:
    """An array that is a member of the outermost object."""

    key: bytes
    """The text of its name, quotes and blanks included."""
    cuts: Numbers
    """Where its bracket opens, each comma between its items, where its bracket closes."""


@final
@dataclass(frozen=True, slots=True)
class Shape:
    """Exact for valid JSON; for other texts right up to the first syntax error."""

    keys: int
    elements: int
    """As `Limits.elements` counts."""
    depth: int
    places: Numbers
    """Of the marks outside of strings down to the second level."""
    marks: Bytes
    depths: Numbers
    """After each mark."""

    def longest(self, raw: bytes) -> Span | None:
        """The array that holds most of the text; None when no member of an object is one."""
        opens = np.flatnonzero((self.marks == ord("[")) & (self.depths == 2))
        closes = np.flatnonzero((_STEPS[self.marks] < 0) & (self.depths == 1))
        ends = np.searchsorted(closes, opens)
        whole = ends < len(closes)
        opens, ends = opens[whole], ends[whole]
        if not len(opens):
            return None
        widths = self.places[closes[ends]] - self.places[opens]
        best = int(np.argmax(widths))
        first, last = int(opens[best]), int(closes[ends[best]])
        if first < 2 or self.marks[first - 1] != _COLON:
            return None
        between = np.arange(first, last + 1)
        marked = self.marks[between] == _COMMA
        marked[[0, -1]] = True
        name = slice(int(self.places[first - 2]) + 1, int(self.places[first - 1]))
        return Span(key=raw[name], cuts=self.places[between[marked]])


def shape_of(raw: bytes, *, elements: int, block_bytes: int = BLOCK_BYTES) -> Shape:
    """Count what is outside of strings, and note where the first two levels are divided.

    Of a text with more than so many `elements` only the counts are right.
    """
    codes = np.frombuffer(raw, np.uint8)
    scan = _Scan(noted=elements)
    for start in range(0, len(codes), block_bytes):
        scan.block(codes[start : start + block_bytes], start)
    return scan.shape()


@dataclass(slots=True)
class _Scan:
    """What is carried from one block to the next."""

    noted: int
    escaping: bool = False
    """The last character is a backslash that escapes the next."""
    in_string: bool = False
    level: int = 0
    depth: int = 0
    keys: int = 0
    elements: int = 1
    found: list[tuple[Numbers, Bytes, Numbers]] = field(default_factory=list)

    def block(self, codes: Bytes, start: int) -> None:
        at = np.flatnonzero(_INTERESTING[codes])
        marks = codes[at]
        quotes = self._delimiters(at, marks, len(codes))
        strings = np.cumsum(quotes) + int(self.in_string)
        if len(strings):
            self.in_string = bool(strings[-1] & 1)
        outside = (strings & 1 == 0) & (marks != _QUOTE) & (marks != _BACKSLASH)
        at, marks = at[outside], marks[outside]
        if not len(at):
            return
        steps = _STEPS[marks]
        depths = np.cumsum(steps) + self.level
        self.level = int(depths[-1])
        self.depth = max(self.depth, int(depths.max()))
        self.keys += int(np.count_nonzero(marks == _COLON))
        self.elements += int(np.count_nonzero(steps > 0) + np.count_nonzero(marks == _COMMA))
        if self.elements > self.noted:
            return
        shallow = np.flatnonzero((depths >= 1) & (depths <= 2) & ((steps >= 0) | (depths == 1)))
        self.found.append((at[shallow] + start, marks[shallow], depths[shallow]))

    def _delimiters(self, at: Numbers, marks: Bytes, size: int) -> Flags:
        """Which marks are quotes that begin or end a string: those that nothing escapes."""
        quotes: Flags = marks == _QUOTE
        was_escaping, self.escaping = self.escaping, False
        slashes = marks == _BACKSLASH
        if not len(at) or not (was_escaping or slashes.any()):
            return quotes
        follows = np.concatenate(([False], np.diff(at) == 1))
        order = np.arange(len(at))
        begins = slashes & ~(follows & np.concatenate(([False], slashes[:-1])))
        run = order - np.maximum.accumulate(np.where(begins, order, 0))
        escapes = slashes & (run & 1 == 0)
        if was_escaping and slashes[0] and at[0] == 0:  # the first is itself escaped
            first = len(slashes) if slashes.all() else int(np.argmin(slashes))
            broken = np.flatnonzero(~follows[1:first])
            end = first if not len(broken) else int(broken[0]) + 1
            escapes[:end] = ~escapes[:end]
        escaped = follows & np.concatenate(([False], escapes[:-1]))
        escaped[0] = was_escaping and at[0] == 0
        self.escaping = bool(escapes[-1]) and int(at[-1]) == size - 1
        delimiters: Flags = quotes & ~escaped
        return delimiters

    def shape(self) -> Shape:
        none = np.zeros(0, np.int64)
        places, marks, depths = (
            (np.concatenate(parts) for parts in zip(*self.found, strict=True))
            if self.found
            else (none, none.astype(np.uint8), none)
        )
        return Shape(
            keys=self.keys,
            elements=self.elements,
            depth=self.depth,
            places=places,
            marks=marks,
            depths=depths,
        )
