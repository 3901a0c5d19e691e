"""Removing a namespace for good."""

from typing import Protocol

from sfm_core.model import Erased


class Eraser(Protocol):
    """Erases what a record store holds of a namespace."""

    async def erase(self, namespace: str) -> Erased:
        """Remove everything of a namespace in one transaction, and begin its next generation.

        Waits for the writes that hold the namespace and removes what they wrote; those that
        wait for it go on in the next generation, or are refused if they noted the one before.
        What is left is the `erased` events of this and earlier erasures, which hold counts, and
        the generation. Counts what was removed, by store, and looks again before the commit. A
        namespace that holds nothing is erased as well: what was begun for it is refused.

        Raises:
            Unavailable: the store does not answer; whether it was erased is unknown.
        """
        ...

    async def last(self, namespace: str) -> int:
        """Position of the namespace's last erasure in the log; 0: it was never erased.

        Raises:
            Unavailable: the store does not answer.
        """
        ...


class Projection(Protocol):
    """Something derived from a namespace, in this process or beside it."""

    async def forget(self, namespace: str, *, position: int) -> int:
        """Drop all that is held of a namespace up to a log position; how much it was.

        Raises:
            Unavailable: it does not answer; what it holds goes by itself in time.
        """
        ...

    async def held(self, namespace: str) -> int:
        """How much is held of a namespace now."""
        ...
