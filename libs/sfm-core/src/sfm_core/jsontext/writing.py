"""From values to JSON text."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import orjson

_PARTS: Final = 1000
"""About so many a long list is divided into."""


def dumps(value: object) -> bytes:
    """Compact UTF-8 JSON in insertion order; mappings and sequences of any class.

    For values that were judged before: a NaN would come out as `null`.

    Raises:
        TypeError: something in it has no JSON form.
    """
    return orjson.dumps(value, default=_plain)


def canonical(value: object) -> bytes:
    """As `dumps`, keys sorted: equal values give equal bytes (1 and 1.0 are two values)."""
    return orjson.dumps(value, default=_plain, option=orjson.OPT_SORT_KEYS)


def canonical_pieces(value: object) -> Iterator[bytes]:
    """The bytes of `canonical`, those of a list in an object a little at a time.

    For large values: writing them in one piece would keep the interpreter from the event loop.
    """
    if type(value) is not dict or not value:
        yield canonical(value)
        return
    before = b"{"
    for key in sorted(value):
        yield b"%b%b:" % (before, orjson.dumps(key))
        before = b","
        inner = value[key]
        if type(inner) is list and inner:
            yield from _items(inner)
        else:
            yield canonical(inner)
    yield b"}"


def _items(items: list[object]) -> Iterator[bytes]:
    step, before = max(1, len(items) // _PARTS), b"["
    for start in range(0, len(items), step):
        yield before + canonical(items[start : start + step])[1:-1]
        before = b","
    yield b"]"


def _plain(value: object) -> object:
    """What orjson does not know: other mappings and sequences."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
