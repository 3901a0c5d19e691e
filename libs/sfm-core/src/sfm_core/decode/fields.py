"""Reads the members of one JSON object and gathers what is wrong with them."""

import difflib
import math
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final, final

from sfm_core.decode.instants import WANTED, instant
from sfm_core.errors import Fault, InvalidInput
from sfm_core.jsontext import MAX_FAULTS, ONE, Limits, faults_in, pointer
from sfm_core.model import Json

_PLAIN: Final = 2**53
_SET_BY_THE_STORE: Final = frozenset(
    [
        "created_at",
        "deduplicated",
        "event_id",
        "id",
        "importance_norm",
        "index",
        "links",
        "namespace",
        "position",
        "updated_at",
        "version",
    ]
)


def judged[T](raw: object, path: str, read: Callable[["Faults"], T], *, limits: Limits = ONE) -> T:
    """What `read` makes of a request that holds only JSON values, within `limits`.

    Raises:
        InvalidInput: with every fault, at most `MAX_FAULTS`.
    """
    faults = Faults(faults_in(raw, path, limits=limits))
    if not faults.found:
        value = read(faults)
        if not faults.found:
            return value
    raise faults.error()


@final
class Faults:
    """What is wrong so far."""

    def __init__(self, found: list[Fault] | None = None) -> None:
        self.found: list[Fault] = found or []

    def add(self, path: str, message: str) -> None:
        if len(self.found) < MAX_FAULTS:
            self.found.append(Fault(path, message))

    def extend(self, faults: Collection[Fault]) -> None:
        self.found.extend(list(faults)[: MAX_FAULTS - len(self.found)])

    def error(self) -> InvalidInput:
        first = self.found[0]
        more = len(self.found) - 1
        rest = f" (and {more} more)" if more else ""
        where = first.path or "the document"
        return InvalidInput(f"{where}: {first.message}{rest}", faults=self.found)


@final
class Fields:
    """Takes members out of an object; each taker gives the default when one is absent or wrong.

    `done` then tells what nobody took. A null is not the same as absent: it is refused.
    """

    def __init__(self, raw: Mapping[str, Json], path: str, faults: Faults) -> None:
        self._raw = raw
        self._path = path
        self._asked: set[str] = set()
        self.faults = faults

    def path(self, name: str) -> str:
        return pointer(self._path, name)

    def raw(self, name: str) -> Json:
        """The member as it is; None when absent."""
        self._asked.add(name)
        return self._raw.get(name)

    def has(self, name: str) -> bool:
        self._asked.add(name)
        return name in self._raw

    def wrong(self, name: str, message: str) -> None:
        self.faults.add(self.path(name), message)

    def string(
        self, name: str, *, low: int = 1, high: int | None = None, default: str | None = None
    ) -> str | None:
        """Of `low` to `high` characters."""
        if not self.has(name):
            return default
        return checked_string(self._raw[name], self.path(name), self.faults, low=low, high=high)

    def number(self, name: str, *, low: float = -math.inf, high: float = math.inf) -> float | None:
        """Inclusive bounds; a boolean is not a number."""
        if not self.has(name):
            return None
        value = self._raw[name]
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.wrong(name, "must be a number")
            return None
        if not low <= value <= high:
            self.wrong(name, _range(low, high))
            return None
        return float(value)

    def integer(self, name: str, *, low: int, high: int) -> int | None:
        """Inclusive bounds; 5.0 is an integer, as JSON Schema has it."""
        if not self.has(name):
            return None
        value = self._raw[name]
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            self.wrong(name, "must be an integer")
            return None
        if not low <= value <= high:
            self.wrong(name, _range(low, high))
            return None
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        if not self.has(name):
            return default
        value = self._raw[name]
        if not isinstance(value, bool):
            self.wrong(name, "must be true or false")
            return default
        return value

    def choice[E: StrEnum](self, name: str, kind: type[E], default: E | None) -> E | None:
        if not self.has(name):
            return default
        value = self._raw[name]
        if isinstance(value, str) and value in set(kind):
            return kind(value)
        self.wrong(name, f"must be one of {', '.join(kind)}")
        return default

    def instant(self, name: str) -> datetime | None:
        """A time in UTC."""
        if not self.has(name):
            return None
        value = self._raw[name]
        if not isinstance(value, str):
            self.wrong(name, WANTED)
            return None
        try:
            return instant(value)
        except ValueError as error:
            self.wrong(name, str(error))
            return None

    def done(self, hints: Mapping[str, str] | None = None) -> None:
        """Every member that was not asked for is a fault, with a hint where there is one."""
        for name in self._raw:
            if name in self._asked:
                continue
            if hints and name in hints:
                self.wrong(name, hints[name])
            elif name in _SET_BY_THE_STORE:
                self.wrong(name, "is set by the store and cannot be given")
            else:
                near = difflib.get_close_matches(name[:64], sorted(self._asked), n=1)
                meant = f"; did you mean {near[0]}?" if near else ""
                self.wrong(name, f"is not a known field{meant}")


def fields(raw: Json, path: str, faults: Faults) -> Fields | None:
    """A reader of the object at `path`; None, with a fault, when there is no object."""
    if not isinstance(raw, Mapping):
        faults.add(path, "must be an object")
        return None
    return Fields(raw, path, faults)


def checked_string(
    value: Json, path: str, faults: Faults, *, low: int = 1, high: int | None = None
) -> str | None:
    """`value`, when it is a string of `low` to `high` characters; else None, with a fault."""
    if not isinstance(value, str):
        faults.add(path, "must be a string")
        return None
    if len(value) < low:
        faults.add(path, "must not be empty")
        return None
    if high is not None and len(value) > high:
        faults.add(path, f"must have at most {high} characters")
        return None
    return value


def _range(low: float, high: float) -> str:
    if high == math.inf:
        return f"must be at least {_plain(low)}"
    return f"must lie between {_plain(low)} and {_plain(high)}"


def _plain(bound: float) -> str:
    """Every digit of a whole number: 1e+07 is not what a person would write."""
    return str(int(bound)) if abs(bound) < _PLAIN and bound == int(bound) else f"{bound:g}"
