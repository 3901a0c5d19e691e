"""Coordinates and the ids derived from them.

A coordinate is 1 to 16 finite float64 numbers. Its canonical text is the comma-joined
shortest decimal form of each, `-0` written `0` and without a trailing `.0`: two
coordinates are the same memory exactly when their texts are equal.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self
from uuid import UUID, uuid5

from sfm_core.errors import InvalidInput

MAX_AXES: Final = 16
NAMESPACE_PATTERN: Final = r"^[a-z0-9][a-z0-9_.-]{0,62}$"
_NAMESPACE: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")
_NUMBER: Final = re.compile(r"-?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,4})?")
_ROOT: Final = UUID("6f1f6f1e-0b52-5c50-9c0b-5f3a8d0a9595")


def checked_namespace(name: str) -> str:
    """`name`, when it is a valid namespace.

    Raises:
        InvalidInput: it does not match `NAMESPACE_PATTERN`.
    """
    if not _NAMESPACE.fullmatch(name):
        raise InvalidInput(f"a namespace matches {NAMESPACE_PATTERN}", path="/namespace")
    return name


@dataclass(frozen=True, slots=True, order=True)
class Coordinate:
    """A point that names one memory inside its namespace."""

    text: str
    """Canonical text, `1,2.5,-3`; equality and hashing rest on it alone."""

    @classmethod
    def of(cls, axes: Iterable[float | int]) -> Self:
        """The coordinate with these axes.

        Raises:
            InvalidInput: not 1 to 16 finite numbers (booleans are not numbers).
        """
        parts: list[str] = []
        for i, axis in enumerate(axes):
            if i == MAX_AXES:
                raise InvalidInput(f"a coordinate has 1 to {MAX_AXES} numbers", path="/coordinate")
            parts.append(_shortest(axis, i))
        if not parts:
            raise InvalidInput(f"a coordinate has 1 to {MAX_AXES} numbers", path="/coordinate")
        return cls(",".join(parts))

    @classmethod
    def parse(cls, text: str) -> Self:
        """The coordinate a text such as `1,2.50,-0` names (here `1,2.5,0`).

        Raises:
            InvalidInput: the text is not 1 to 16 comma-joined decimal numbers.
        """
        parts = text.split(",", MAX_AXES)
        for i, part in enumerate(parts):
            if not _NUMBER.fullmatch(part):
                raise InvalidInput(f"axis {i} is not a decimal number", path=f"/coordinate/{i}")
        return cls.of(float(part) for part in parts)

    @property
    def axes(self) -> tuple[float, ...]:
        return tuple(float(part) for part in self.text.split(","))

    def numbers(self) -> list[int | float]:
        """The axes as JSON shows them: whole ones without a point."""
        return [int(p) if _is_whole(p) else float(p) for p in self.text.split(",")]


NOWHERE: Final = Coordinate("")
"""Stands where an event is about a whole namespace; no memory can be there."""


def memory_id(namespace: str, coordinate: Coordinate) -> UUID:
    """The id of the memory at a coordinate: the same in every process, for ever."""
    return uuid5(_ROOT, f"{namespace}\n{coordinate.text}")


def link_id(namespace: str, origin: Coordinate, target: Coordinate, link_type: str) -> UUID:
    """The id of a link: the same in every process, for ever; never that of a memory."""
    return uuid5(_ROOT, f"{namespace}\n{origin.text}\n{target.text}\n{link_type}")


def event_id(memory: UUID, version: int, event_type: str) -> UUID:
    """The id of one change of one memory or link: a repeat of the event has the same id."""
    return uuid5(memory, f"{version}:{event_type}")


def _shortest(axis: float, index: int) -> str:
    if isinstance(axis, bool) or not isinstance(axis, (int, float)):
        raise InvalidInput(f"axis {index} is not a number", path=f"/coordinate/{index}")
    try:
        value = float(axis)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise InvalidInput(f"axis {index} is not finite", path=f"/coordinate/{index}")
    if value == 0.0:
        return "0"
    text = repr(value)
    return text.removesuffix(".0")


def _is_whole(text: str) -> bool:
    return text.lstrip("-").isdigit() and len(text) < 17
