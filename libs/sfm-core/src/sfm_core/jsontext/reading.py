"""From JSON text to values: a bounded first look, a fast parser, a slow one that explains."""

import codecs
import json
import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import orjson

from sfm_core.errors import Fault, InvalidInput, MalformedJson, TooLarge
from sfm_core.jsontext.divided import NotDivided, read_divided
from sfm_core.jsontext.shape import BLOCK_BYTES, Shape, shape_of
from sfm_core.jsontext.values import (
    CONTAINERS,
    INT64_MAX,
    INT64_MIN,
    NOT_A_NUMBER,
    NOT_INT64,
    ONE,
    TOO_GREAT,
    Judge,
    Limits,
    Pairs,
    Refused,
)
from sfm_core.model import Json

THREAD_BYTES: Final = 64 * 1024
DIVIDE_BYTES: Final = 1024 * 1024
"""Texts beyond are read in pieces: parsers keep the interpreter to themselves while they work."""

_BOM: Final = b"\xef\xbb\xbf"
_ZEROS: Final = bytes.maketrans(b"123456789", b"000000000")
_LONG_DIGITS: Final = b"0" * 19
"""Fewer digits are always inside int64. Sought after `_ZEROS`, many times faster than a regex."""
_SHAPE: Final = bytes(range(256)).translate(bytes.maketrans(b"{}", b"[]"))
_NOT_BRACKETS: Final = bytes(b for b in range(256) if b not in b"[]{}")
_INT_CHARS: Final = 20
_WHOLE: Final = "the body "


def loads(raw: bytes | bytearray | memoryview | str, *, limits: Limits = ONE) -> Json:
    """The value a JSON text (RFC 8259, UTF-8, no byte order mark) stands for.

    Size, depth, keys and elements are counted before anything is built. Equal to what
    `json.loads` gives, for what is accepted.

    Raises:
        TooLarge: more bytes than allowed.
        MalformedJson: empty, not UTF-8, or not JSON.
        InvalidInput: too deep or too many values; or, each with its path: a duplicate key, NaN
            or an infinity, a number beyond float64, an integer beyond int64, U+0000, a lone
            surrogate (in keys too).
    """
    raw = raw.encode("utf-8", "surrogatepass") if isinstance(raw, str) else bytes(raw)
    _check_text(raw, limits)
    shape = shape_of(raw, elements=limits.elements) if len(raw) > DIVIDE_BYTES else None
    if shape is None:
        keys = _check_shape(raw, limits)
    else:
        keys = _check_counts(shape.keys, shape.elements, limits)
        if shape.depth > limits.depth:
            raise _too_deep(limits)
    try:
        value, built = _read(raw, shape)
    except orjson.JSONDecodeError as error:
        return _diagnosed(raw, shape, error)
    if built != keys:
        return _diagnosed(raw, shape, None)
    found: Json = value  # type: ignore[assignment]  # orjson builds nothing else
    return found


def loads_under(text: str, path: str) -> Json:
    """As `loads`, of a JSON text that is one value in a request: its faults lie under `path`.

    Raises:
        InvalidInput: it is none that `loads` takes; of the class that `loads` raises.
    """
    try:
        return loads(text)
    except InvalidInput as error:
        faults = [Fault(path + f.path, f.message.removeprefix(_WHOLE)) for f in error.faults]
        raise type(error)(faults[0].message, faults=faults) from None


def _read(raw: bytes, shape: Shape | None) -> tuple[object, int]:
    """What the fast parser gives, and how many keys; -1: look again."""
    if shape is not None:
        try:
            return _read_divided(raw, shape)
        except NotDivided:
            pass
    value = orjson.loads(raw)
    return value, -1 if _is_suspicious(raw) else _count_keys(value)


def _read_divided(raw: bytes, shape: Shape) -> tuple[object, int]:
    keys = 0

    def read(piece: bytes) -> object:
        nonlocal keys
        value = orjson.loads(piece)
        if _is_suspicious(piece):
            keys = -1
        elif keys >= 0:
            keys += _count_keys(value)
        return value

    root, name, items = read_divided(raw, shape, read)
    if type(root) is not dict or root.get(name) != []:
        raise NotDivided
    root[name] = items
    return root, keys


def _check_text(raw: bytes, limits: Limits) -> None:
    if len(raw) > limits.size_bytes:
        raise TooLarge(f"the body has more than {limits.size_bytes} bytes")
    if not raw.strip(b" \t\r\n"):
        raise MalformedJson("the body is empty")
    if raw.startswith(_BOM):
        raise MalformedJson("the body starts with a byte order mark")
    if not raw.isascii():
        _check_utf_8(raw)


def _check_utf_8(raw: bytes) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    start = 0
    while start < len(raw):
        kept = len(decoder.getstate()[0])
        end = start + BLOCK_BYTES
        try:
            decoder.decode(raw[start:end], final=end >= len(raw))
        except UnicodeDecodeError as error:
            at = start - kept + error.start
            raise MalformedJson(f"the body is not UTF-8 (byte {at})") from None
        start = end


def _outside(raw: bytes) -> bytes:
    """What is outside of string literals. Right up to the first syntax error, if there is one.

    Pairs of backslashes go first, then escaped quotes: what is left of quotes are delimiters.
    """
    if b"\\" in raw:
        raw = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    return b"".join(raw.split(b'"')[::2])


def _check_shape(raw: bytes, limits: Limits) -> int:
    """The number of keys; raises when a bound is passed."""
    outside = _outside(raw)
    brackets = outside.translate(_SHAPE, _NOT_BRACKETS)
    opened = brackets.count(b"[")
    keys = _check_counts(outside.count(b":"), outside.count(b",") + opened + 1, limits)
    if opened > limits.depth and _depth(brackets) > limits.depth:
        raise _too_deep(limits)
    return keys


def _check_counts(keys: int, elements: int, limits: Limits) -> int:
    if keys > limits.keys:
        raise InvalidInput(f"the document has more than {limits.keys} keys")
    if elements > limits.elements:
        raise InvalidInput(f"the document has more than {limits.elements} values")
    return keys


def _too_deep(limits: Limits) -> InvalidInput:
    return InvalidInput(f"the document is nested deeper than {limits.depth}")


def _depth(brackets: bytes) -> int:
    codes = np.frombuffer(brackets, np.uint8)
    steps = np.where(codes == ord("["), 1, -1)
    return int(np.cumsum(steps, dtype=np.int32).max())


def _is_suspicious(raw: bytes) -> bool:
    """True when the fast parser may have let something pass that is refused here."""
    return b"\\u0000" in raw or (
        _LONG_DIGITS in raw.translate(_ZEROS) and _LONG_DIGITS in _outside(raw).translate(_ZEROS)
    )


def _count_keys(value: object) -> int:
    keys = 0
    stack: list[object] = [value]
    while stack:
        found = stack.pop()
        if type(found) is dict:
            keys += len(found)
            stack += [v for v in found.values() if type(v) in CONTAINERS]
        elif type(found) is list:
            stack += [v for v in found if type(v) in CONTAINERS]
    return keys


def _integer(text: str) -> object:
    if len(text) > _INT_CHARS:
        return Refused(NOT_INT64)
    value = int(text)
    return value if INT64_MIN <= value <= INT64_MAX else Refused(NOT_INT64)


def _float(text: str) -> object:
    value = float(text)
    return value if math.isfinite(value) else Refused(TOO_GREAT)


_SLOW: Final = json.JSONDecoder(
    object_pairs_hook=Pairs,
    parse_int=_integer,
    parse_float=_float,
    parse_constant=lambda _: Refused(NOT_A_NUMBER),
)


def _diagnosed(raw: bytes, shape: Shape | None, error: orjson.JSONDecodeError | None) -> Json:
    """The value, or the faults in it; `error` is what the fast parser said, if it refused."""
    try:
        loose = _loose(raw, shape)
    except (json.JSONDecodeError, RecursionError) as slow:
        at = f" (line {slow.lineno}, column {slow.colno})" if isinstance(slow, ValueError) else ""
        raise MalformedJson(f"the body is not JSON{at}") from None
    judge = Judge(ONE, counting=False)
    judge.value(loose, "", 1)
    if judge.faults:
        raise _invalid(judge.faults)
    if error is not None:
        raise MalformedJson("the body is not JSON") from None
    return _built(loose)


def _loose(raw: bytes, shape: Shape | None) -> object:
    """With duplicates and refused numbers.

    Raises:
        JSONDecodeError, RecursionError: it is no JSON.
    """
    if shape is not None:
        try:
            root, name, items = read_divided(raw, shape, _slow)
        except (json.JSONDecodeError, NotDivided):
            return _slow(raw)  # which tells the place of the fault in the whole
        emptied = isinstance(root, Pairs) and [i for i, one in enumerate(root) if one == (name, [])]
        if isinstance(root, Pairs) and emptied and len(emptied) == 1:
            root[emptied[0]] = (root[emptied[0]][0], items)
            return root
    return _slow(raw)


def _slow(raw: bytes) -> object:
    value: object = _SLOW.decode(raw.decode("utf-8"))
    return value


def _invalid(faults: Sequence[Fault]) -> InvalidInput:
    first = faults[0]
    rest = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return InvalidInput(f"{first.path or 'the document'} {first.message}{rest}", faults=faults)


def _built(loose: object) -> Json:
    if isinstance(loose, Pairs):
        return {key: _built(value) for key, value in loose}
    if isinstance(loose, list):
        return [_built(value) for value in loose]
    plain: Json = loose  # type: ignore[assignment]  # the judge saw that it is a scalar
    return plain
