"""From values to JSON text."""

from collections.abc import Mapping, Sequence

import orjson


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


def _plain(value: object) -> object:
    """What orjson does not know: other mappings and sequences."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
