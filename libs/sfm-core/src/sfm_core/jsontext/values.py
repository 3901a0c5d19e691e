"""Which values are JSON that every store can hold, and what is wrong with the others."""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, final

from sfm_core.errors import Fault

MAX_FAULTS: Final = 100
INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1
CONTAINERS: Final = frozenset({dict, list})

NOT_A_NUMBER: Final = "is not a finite number"
TOO_GREAT: Final = "is too great for a float64"
NOT_INT64: Final = "is an integer outside the 64-bit range"
_NUL: Final = "holds U+0000"
_LONE: Final = "holds a lone surrogate"
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_KEY_CHARS: Final = 64


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
    if _is_clean(value, limits):
        return []
    judge = Judge(limits)
    judge.value(value, path, 1)
    return judge.faults


def _is_clean(value: object, limits: Limits) -> bool:
    """True when the judge would find nothing; false also when only the judge can tell.

    Level by level, without paths: several times faster than the judge.
    """
    keys, elements = 0, 1
    level: list[object] = [value]
    for depth in range(limits.depth + 1):
        below: list[object] = []
        for found in level:
            if type(found) not in CONTAINERS:
                judge = _SCALARS.get(type(found))
                if judge is None or judge(found):
                    return False
                continue
            inner: list[object] | dict[object, object] = found  # type: ignore[assignment]
            elements += len(inner) or 1
            if type(inner) is dict:
                keys += len(inner)
                if not all(type(key) is str and not _string(key) for key in inner):
                    return False
                below += inner.values()
            else:
                below += inner
            if depth == limits.depth or keys > limits.keys or elements > limits.elements:
                return False
        if not below:
            return True
        level = below
    return False


@final
class Pairs(list[tuple[str, object]]):
    """The members of an object as they were read, duplicates included."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Stands for a number that is not accepted."""

    message: str


@final
class Judge:
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
        elif isinstance(value, Mapping | Pairs):
            self._object(value, path, depth)
        elif isinstance(value, list | tuple):
            self._array(value, path, depth)
        else:
            self._fault(path, _odd(value))

    def _object(self, value: "Mapping[object, object] | Pairs", path: str, depth: int) -> None:
        if not self._room(len(value), len(value), path, depth):
            return
        seen: set[str] = set()
        for key, inner in value if isinstance(value, Pairs) else value.items():
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
    int: lambda value: "" if INT64_MIN <= value <= INT64_MAX else NOT_INT64,
    float: lambda value: "" if math.isfinite(value) else NOT_A_NUMBER,
    Refused: lambda value: value.message,
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
