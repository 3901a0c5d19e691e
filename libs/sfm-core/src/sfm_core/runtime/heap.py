"""How the C library hands out memory to the threads of a service."""

import ctypes
from typing import Final

_M_ARENA_MAX: Final = -8
"""From glibc's malloc.h."""
_ARENAS: Final = 2


def few_arenas() -> bool:
    """Let all threads share two arenas of glibc's malloc; whether there was one to tell.

    Call it first in the process. Each thread otherwise gets an arena of its own, which keeps what
    the largest scan on it needed. With 100 000 memories loads beyond saturation left a server at
    764 MiB; a shorter one, with `MALLOC_ARENA_MAX=2` in its environment, at 533 MiB.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # another C library
        return False
    return bool(mallopt(_M_ARENA_MAX, _ARENAS))
