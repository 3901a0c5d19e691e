"""Reading a large JSON text in pieces, so that no single step holds the interpreter for long."""

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from sfm_core.jsontext.shape import Numbers, Shape

PIECE_BYTES: Final = 256 * 1024
"""Of the items that are read together; one larger item is read by itself."""


class NotDivided(Exception):
    """The text must be read in one piece: it is of another shape, or no JSON."""


def read_divided(
    raw: bytes, shape: Shape, read: Callable[[bytes], object], *, piece_bytes: int = PIECE_BYTES
) -> tuple[object, str, list[object]]:
    """The text without the items of its longest array, the array's name, and its items.

    When each piece is JSON to `read`, the whole is, and means what the pieces mean together.

    Raises:
        NotDivided: there is no such array, or a place in it holds no value, or too much is left.
        What `read` raises: then the whole is no JSON to it either.
    """
    span = shape.longest(raw)
    if span is None:
        raise NotDivided
    opened, closed = int(span.cuts[0]), int(span.cuts[-1])
    around = raw[: opened + 1] + raw[closed:]
    if len(around) > max(piece_bytes, 64) * 4:
        raise NotDivided
    name = read(span.key)
    root = read(around)
    items: list[object] = []
    # All cuts beforehand: NumPy lets go of the interpreter for a moment in each search, and who
    # waits for it then begins to wait anew, so that between pieces nobody would get it in time.
    for first, last in list(_groups(span.cuts, piece_bytes)):
        piece = raw[int(span.cuts[first]) + 1 : int(span.cuts[last])]
        part = read(b"[%b]" % piece)
        if not isinstance(part, list) or len(part) != last - first:
            raise NotDivided
        items += part
    if not isinstance(name, str):
        raise NotDivided
    return root, name, items


def _groups(cuts: Numbers, piece_bytes: int) -> Iterator[tuple[int, int]]:
    """Neighbouring items up to `piece_bytes`, at least one each."""
    first, end = 0, len(cuts) - 1
    while first < end:
        fit = int(np.searchsorted(cuts, cuts[first] + piece_bytes, side="right")) - 1
        last = min(max(fit, first + 1), end)
        yield first, last
        first = last
