"""What goes with a write, beside its content, as callers send it."""

import re
from typing import Final

from sfm_core.errors import InvalidInput
from sfm_core.model import Wait

MAX_VERSION: Final = 10**18 - 1
_KEY: Final = re.compile(r"[!-~]{1,255}")


def idempotency_key(key: object) -> str:
    """The key, when it is one.

    Raises:
        InvalidInput: it is not 1 to 255 visible ASCII characters.
    """
    if isinstance(key, str) and _KEY.fullmatch(key):
        return key
    raise InvalidInput(
        "Idempotency-Key is 1 to 255 visible ASCII characters", path="/Idempotency-Key"
    )


def asked_version(version: object) -> int:
    """The version that a write expects to find.

    Raises:
        InvalidInput: no memory can have it.
    """
    if type(version) is int and 1 <= version <= MAX_VERSION:
        return version
    raise InvalidInput('If-Match is a quoted version, such as "3"', path="/If-Match")


def wait(said: object) -> Wait:
    """What the answer to a write is to wait for.

    Raises:
        InvalidInput: it is neither `indexed` nor `durable`.
    """
    if isinstance(said, str) and said in tuple(Wait):
        return Wait(said)
    raise InvalidInput("wait is indexed or durable", path="/wait")
