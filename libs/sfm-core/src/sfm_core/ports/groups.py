"""The log of all namespaces, read in order by groups that remember how far they are."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from sfm_core.ports.outbox import Unsent


class LogGroups(Protocol):
    """Each group has one reader at a time; its members take turns."""

    async def claim(self, group: str, member: UUID, *, session_s: float) -> int | None:
        """Be the group's reader, or go on being it: behind which position the group goes on.

        None: another member is, and was heard of within `session_s`. Claiming is being heard of.
        A group that is new goes on behind 0.

        Raises:
            Unavailable: the record store does not answer.
        """
        ...

    async def release(self, group: str, member: UUID) -> None:
        """Let another member be the reader at once; nothing when this one is not.

        Raises:
            Unavailable: the record store does not answer.
        """
        ...

    async def commit(self, group: str, member: UUID, position: int) -> bool:
        """Let the group go on behind this position; durable. False: another is the reader now.

        Raises:
            Unavailable: the record store does not answer; whether it was committed is unknown.
        """
        ...

    async def read(self, *, after: int, limit: int) -> Sequence[Unsent]:
        """The next events behind a position, sent or not, by position.

        At most `limit`, and one at least where there are any.

        Ends before the first position that a transaction under way may still bring: so no event
        is passed over. What was erased is not there any more.

        Raises:
            Unavailable: the record store does not answer.
        """
        ...

    async def behind(self, position: int) -> int:
        """How many events there are behind a position (of more than 10 000, so many).

        Raises:
            Unavailable: the record store does not answer.
        """
        ...
