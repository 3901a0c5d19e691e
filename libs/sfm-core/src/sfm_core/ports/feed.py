"""How views are kept in step with the truth."""

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Protocol
from uuid import UUID

from sfm_core.model import (
    Changes,
    LinkRow,
    Sample,
    ViewRow,
)


class ChangeFeed(Protocol):
    """How a process keeps its views in step with the truth, by state and not by message.

    A stored vector that is none (damaged bytes, another length, not of norm 1) is left out and
    logged, so that one bad row does not take its namespace away: its memory is still found by
    its words, and comes back whole when it is stored again.
    """

    async def token(self) -> int:
        """A token such that `changes(token)` gives at least all that commits after this call."""
        ...

    async def moment(self) -> str:
        """A name for all that is committed: while it stays the same, nothing was committed.

        It may change without a commit. Costs as little as a call can.
        """
        ...

    async def generation(self, namespace: str) -> int:
        """As `RecordStore.generation`."""
        ...

    def load(self, namespace: str, *, model_revision: str) -> AsyncIterator[Sequence[ViewRow]]:
        """Every live memory of a namespace, in batches, in no promised order.

        Take `token()` before the first batch: what commits while loading is in the changes.
        """
        ...

    def load_links(self, namespace: str) -> AsyncIterator[Sequence[LinkRow]]:
        """Every link of a namespace, in batches, in no promised order; as `load`."""
        ...

    async def samples(self, namespace: str, *, limit: int) -> tuple[Sequence[Sample], int]:
        """The last `limit` importances of the namespace's log by position, and its position."""
        ...

    async def changes(
        self, token: int, namespaces: Collection[str], *, model_revision: str
    ) -> Changes:
        """Rows and links (ended ones too) of these namespaces changed since the token was taken.

        Never misses a change that was committed before the call; may repeat some.
        """
        ...

    def payloads(self, namespace: str) -> AsyncIterator[Sequence[tuple[UUID, int, str]]]:
        """(id, version, payload as JSON text) of every live memory, in batches."""
        ...


class Applier(Protocol):
    """Where committed writes go first: the views of this process."""

    async def apply(
        self,
        namespace: str,
        rows: Sequence[ViewRow],
        samples: Sequence[Sample],
        links: Sequence[LinkRow] = (),
    ) -> None:
        """Take over rows (tombstones too), importances and links that were just committed.

        Rows and links may come out of order and more than once: the higher version wins.
        """
        ...
