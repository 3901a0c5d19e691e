"""A value that must not be seen in a log, a traceback or a terminal."""

import hmac
from typing import Final, final

MASK: Final = "***"


@final
class Secret:
    """A string whose `repr`, `str` and `format` show nothing; `value` is the string itself.

    Equality takes the same time for equal and unequal values of one length. Refuses to be
    pickled, so that it does not travel by accident.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    @property
    def value(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_bytes(self._value), _bytes(other._value))

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a Secret is not pickled")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
