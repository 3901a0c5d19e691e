"""JSON text of what is still to be judged; beside `jsontext`, as clients load no judge."""

import json
from collections.abc import Callable


def unjudged(value: object, *, default: Callable[[object], object] | None = None) -> bytes:
    """Compact UTF-8 JSON of what `jsontext.loads` is still to judge: no longer than need be.

    NaN, infinities and integers of any length are written as they are, lone surrogates as
    escapes: they are refused there, with their path. `default` gives what stands for a value
    that JSON does not know.

    Raises:
        TypeError: something in it has no JSON form.
        ValueError: it holds itself.
        RecursionError: it is nested too deep for this interpreter.
    """
    text = json.dumps(value, default=default, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace")
