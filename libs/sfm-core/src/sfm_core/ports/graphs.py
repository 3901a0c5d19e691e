"""Links as a graph."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID


class GraphStore(Protocol):
    """A namespace's links in memory, in step with the log; a projection that may be rebuilt.

    Shows this process's own changes at once, those of others within the feed's interval.
    """

    async def shortest_path(
        self,
        namespace: str,
        origin: UUID,
        target: UUID,
        *,
        type: str | None,  # noqa: A002 - the contract's name
        min_position: int,
        now: datetime,
    ) -> tuple[Sequence[UUID], float] | None:
        """The strongest way between two different memories, and its weight; None: there is none.

        Along links in their direction, of `type` when given, through memories that have not
        expired by `now`. Strongest: least sum of 1 / weight; its weight is 1 over that sum. Of
        ways equally strong, which is given depends on the links alone. Once the event at
        `min_position` was seen (0: at once).

        Raises:
            Unavailable: the store does not answer.
            DeadlineExceeded: it took too long, to get ready or to search.
        """
        ...

    async def refresh(self) -> None:
        """Return once what was committed before this call is shown.

        Raises:
            Unavailable: the store does not answer.
        """
        ...
