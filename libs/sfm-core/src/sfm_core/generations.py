"""Which life of each namespace this process knows to be the present one."""

from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final, final

from sfm_core.errors import Conflict

FIRST: Final = 1
"""The generation of a namespace that was never erased."""
TRUSTED_S: Final = 1.0
"""How old what was read may be for a write that begins now."""


def fence(noted: int | None, present: int) -> None:
    """Refuse what was begun in another life of the namespace; None: it is of no life.

    Raises:
        Conflict: `noted` is not the present generation.
    """
    if noted not in (None, present):
        raise Conflict("the namespace was erased after this write had begun")


@final
class Generations:
    """An erasure begins the next generation of a namespace; what is of an earlier one is gone.

    A write notes the generation when it begins, and is refused when that is no longer the
    present one at its commit. To note an older one than the present is safe: such a write is
    refused without need, and only within `TRUSTED_S` of an erasure by another process. To note a
    newer one is impossible: none is noted that was not read before.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, float]] = {}

    def note(self, namespace: str, generation: int) -> None:
        """Take over what was just read; an older one than is known changes nothing."""
        if generation >= self.known(namespace):
            self._known[namespace] = (generation, monotonic())

    def known(self, namespace: str) -> int:
        """The highest that was noted."""
        return self._known.get(namespace, (FIRST, 0.0))[0]

    async def now(self, namespace: str, read: Callable[[str], Awaitable[int]]) -> int:
        """The generation for a write that begins now; `read` is asked when it is not known."""
        found = self._known.get(namespace)
        if found is not None and monotonic() - found[1] < TRUSTED_S:
            return found[0]
        self.note(namespace, await read(namespace))
        return self.known(namespace)
