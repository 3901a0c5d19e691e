"""JSON from people we do not know: bounded before it is built, exact in what it refuses.

Everything here is linear in the size of the input, but a large body still takes tens of
milliseconds: above `THREAD_BYTES` call `loads` on a worker thread, not on the event loop.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np
import orjson

from sfm_core.errors import Fault, InvalidInput, MalformedJson, TooLarge
from sfm_core.model import Json

THREAD_BYTES: Final = 64 * 1024
MAX_FAULTS: Final = 100
INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1

_BOM: Final = b"\xef\xbb\xbf"
_LONG_DIGITS: Final = re.compile(rb"[0-9]{19}")
_SHAPE: Final = bytes(range(256)).translate(bytes.maketrans(b"{}", b"[]"))
_NOT_BRACKETS: Final = bytes(b for b in range(256) if b not in b"[]{}")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_KEY_CHARS: Final = 64
_INT_CHARS: Final = 20

_NOT_A_NUMBER: Final = "is not a finite number"
_TOO_GREAT: Final = "is too great for a float64"
_NOT_INT64: Final = "is an integer outside the 64-bit range"
_NUL: Final = "holds U+0000"
_LONE: Final = "holds a lone surrogate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one document may hold."""

    size_bytes: int = 1024 * 1024
    depth: int = 32
    """Arrays and objects within each other."""
    keys: int = 10_000
    """Members of all its objects."""
    elements: int = 100_000
    """Values of any sort, containers included; an empty container counts as two."""


ONE: Final = Limits()
"""For the body of one call."""
BATCH: Final = Limits(size_bytes=16 * 1024 * 1024, depth=34, keys=500_000, elements=2_000_000)
"""For a body of many items, two levels down; each is held to `ONE` by itself (`faults_in`)."""


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
    keys = _check_shape(raw, limits)
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        return _diagnosed(raw, error)
    if _is_suspicious(raw) or _count_keys(value) != keys:
        return _diagnosed(raw, None)
    found: Json = value
    return found


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


def pointer(path: str, key: str | int) -> str:
    """`path` one step further, as RFC 6901 writes it; long keys cut, odd characters escaped."""
    if isinstance(key, int):
        return f"{path}/{key}"
    if len(key) > _KEY_CHARS:
        key = f"{key[:_KEY_CHARS]}…"
    if not key.isascii() or not key.isprintable():
        key = _escaped(key)
    return f"{path}/{key.replace('~', '~0').replace('/', '~1')}"


def faults_in(value: object, path: str = "", *, limits: Limits = ONE) -> list[Fault]:
    """What keeps a value from being JSON that every store can hold; empty: nothing.

    The verdict of `loads`, for values that came another way (gRPC, Python): depth, counts,
    keys that are not strings, values that have no JSON form, and each fault of `loads` that
    a built value can still show. At most `MAX_FAULTS`.
    """
    judge = _Judge(limits)
    judge.value(value, path, 1)
    return judge.faults


def _check_text(raw: bytes, limits: Limits) -> None:
    if len(raw) > limits.size_bytes:
        raise TooLarge(f"the body has more than {limits.size_bytes} bytes")
    if not raw.strip(b" \t\r\n"):
        raise MalformedJson("the body is empty")
    if raw.startswith(_BOM):
        raise MalformedJson("the body starts with a byte order mark")
    if not raw.isascii():
        try:
            raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise MalformedJson(f"the body is not UTF-8 (byte {error.start})") from None


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
    keys = outside.count(b":")
    brackets = outside.translate(_SHAPE, _NOT_BRACKETS)
    if keys > limits.keys:
        raise InvalidInput(f"the document has more than {limits.keys} keys")
    if outside.count(b",") + brackets.count(b"[") + 1 > limits.elements:
        raise InvalidInput(f"the document has more than {limits.elements} values")
    if brackets.count(b"[") > limits.depth and _depth(brackets) > limits.depth:
        raise InvalidInput(f"the document is nested deeper than {limits.depth}")
    return keys


def _depth(brackets: bytes) -> int:
    codes = np.frombuffer(brackets, np.uint8)
    steps = np.where(codes == ord("["), 1, -1)
    return int(np.cumsum(steps, dtype=np.int32).max())


def _is_suspicious(raw: bytes) -> bool:
    """True when the fast parser may have let something pass that is refused here."""
    return b"\\u0000" in raw or (
        _LONG_DIGITS.search(raw) is not None and _LONG_DIGITS.search(_outside(raw)) is not None
    )


def _count_keys(value: object) -> int:
    keys = 0
    stack: list[object] = [value]
    while stack:
        found = stack.pop()
        if isinstance(found, dict):
            keys += len(found)
            stack.extend(v for v in found.values() if isinstance(v, dict | list))
        elif isinstance(found, list):
            stack.extend(v for v in found if isinstance(v, dict | list))
    return keys


# --- the slow way: the same text again, with all that is wrong and where --------------------


@final
class _Pairs(list[tuple[str, object]]):
    """The members of an object, duplicates included."""


@dataclass(frozen=True, slots=True)
class _Refused:
    """Stands for a number that is not accepted."""

    message: str


def _integer(text: str) -> object:
    if len(text) > _INT_CHARS:
        return _Refused(_NOT_INT64)
    value = int(text)
    return value if INT64_MIN <= value <= INT64_MAX else _Refused(_NOT_INT64)


def _float(text: str) -> object:
    value = float(text)
    return value if math.isfinite(value) else _Refused(_TOO_GREAT)


_SLOW: Final = json.JSONDecoder(
    object_pairs_hook=_Pairs,
    parse_int=_integer,
    parse_float=_float,
    parse_constant=lambda _: _Refused(_NOT_A_NUMBER),
)


def _diagnosed(raw: bytes, error: orjson.JSONDecodeError | None) -> Json:
    """The value, or the faults in it; `error` is what the fast parser said, if it refused."""
    try:
        loose = _SLOW.decode(raw.decode("utf-8"))
    except (json.JSONDecodeError, RecursionError) as slow:
        at = f" (line {slow.lineno}, column {slow.colno})" if isinstance(slow, ValueError) else ""
        raise MalformedJson(f"the body is not JSON{at}") from None
    judge = _Judge(ONE, counting=False)
    judge.value(loose, "", 1)
    if judge.faults:
        raise _invalid(judge.faults)
    if error is not None:
        raise MalformedJson("the body is not JSON") from None
    return _built(loose)


def _invalid(faults: Sequence[Fault]) -> InvalidInput:
    first = faults[0]
    rest = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return InvalidInput(f"{first.path or 'the document'} {first.message}{rest}", faults=faults)


def _built(loose: object) -> Json:
    if isinstance(loose, _Pairs):
        return {key: _built(value) for key, value in loose}
    if isinstance(loose, list):
        return [_built(value) for value in loose]
    plain: Json = loose  # type: ignore[assignment]  # the judge saw that it is a scalar
    return plain


# --- the judge ------------------------------------------------------------------------------


@final
class _Judge:
    """Walks a value and gathers what is wrong with it."""

    def __init__(self, limits: Limits, *, counting: bool = True) -> None:
        self._limits = limits
        self._counting = counting
        self._keys = 0
        self._elements = 1
        self.faults: list[Fault] = []

    def value(self, value: object, path: str, depth: int) -> None:
        if len(self.faults) >= MAX_FAULTS:
            return
        judge = _SCALARS.get(type(value))
        if judge is not None:
            message = judge(value)
            if message:
                self._fault(path, message)
        elif isinstance(value, Mapping | _Pairs):
            self._object(value, path, depth)
        elif isinstance(value, list | tuple):
            self._array(value, path, depth)
        else:
            self._fault(path, _odd(value))

    def _object(self, value: "Mapping[object, object] | _Pairs", path: str, depth: int) -> None:
        if not self._room(len(value), len(value), path, depth):
            return
        seen: set[str] = set()
        for key, inner in value if isinstance(value, _Pairs) else value.items():
            if not isinstance(key, str):
                self._fault(path, "has a key that is not a string")
                continue
            below = pointer(path, key)
            if key in seen:
                self._fault(below, "is a duplicate key")
            seen.add(key)
            if message := _string(key):
                self._fault(below, f"{message} in its name")
            self.value(inner, below, depth + 1)

    def _array(self, value: Sequence[object], path: str, depth: int) -> None:
        if self._room(0, len(value), path, depth):
            for i, inner in enumerate(value):
                scalar = _SCALARS.get(type(inner))
                if scalar is None or scalar(inner):
                    self.value(inner, f"{path}/{i}", depth + 1)

    def _room(self, keys: int, elements: int, path: str, depth: int) -> bool:
        """Count what a container holds; false when that is too much to look into."""
        if not self._counting:
            return True
        self._keys += keys
        self._elements += max(elements, 1)
        for held, passed in (
            (depth > self._limits.depth, f"is nested deeper than {self._limits.depth}"),
            (self._keys > self._limits.keys, f"has more than {self._limits.keys} keys in all"),
            (
                self._elements > self._limits.elements,
                f"has more than {self._limits.elements} values in all",
            ),
        ):
            if held:
                self._fault(path, passed)
                return False
        return True

    def _fault(self, path: str, message: str) -> None:
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(Fault(path, message))


def _string(value: str) -> str:
    if "\0" in value:
        return _NUL
    if not value.isascii() and _SURROGATE.search(value):
        return _LONE
    return ""


_SCALARS: Final[Mapping[type, Callable[..., str]]] = {
    str: _string,
    bool: lambda _: "",
    type(None): lambda _: "",
    int: lambda value: "" if INT64_MIN <= value <= INT64_MAX else _NOT_INT64,
    float: lambda value: "" if math.isfinite(value) else _NOT_A_NUMBER,
    _Refused: lambda value: value.message,
}


def _odd(value: object) -> str:
    return f"is a {type(value).__name__}, which has no JSON form"


def _escaped(text: str) -> str:
    return "".join(_escaped_characters(text))


def _escaped_characters(text: str) -> Iterator[str]:
    for character in text:
        code = ord(character)
        if character.isprintable() and not 0xD800 <= code <= 0xDFFF:
            yield character
        else:
            yield f"\\u{code:04x}"


def _plain(value: object) -> object:
    """What orjson does not know: other mappings and sequences."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
