"""Both sides of a namespace side by side, in the order of ids, holding two pages."""

from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Final, final
from uuid import UUID

from sfm_core.model import LedgerRow
from sfm_core.ports import Ledger, VectorStore
from sfm_core.reconcile.verdicts import Held

PAGE: Final = 1000

type Pair = tuple[UUID, Held | None, LedgerRow | None]
"""A memory as the index and as the record store has it; at least one of them does."""


@final
class Walk:
    """Reads the index first and the record store after it, memory by memory.

    Writes go the other way, so what is under way can only be missing in the index or be behind
    there; never is a point taken for unknown because its memory came in between.
    """

    def __init__(
        self, *, ledger: Ledger, vectors: VectorStore, namespace: str, model_revision: str
    ) -> None:
        self._ledger = ledger
        self._vectors = vectors
        self._namespace = namespace
        self._revision = model_revision

    async def pairs(self) -> AsyncIterator[Pair]:
        """All, by id."""
        after: UUID | None = None
        while True:
            page = await self._vectors.positions(self._namespace, after=after, limit=PAGE)
            last = page[-1][0] if len(page) == PAGE else None
            async for pair in self._between(page, after, last):
                yield pair
            if last is None:
                return
            after = last

    async def pair(self, id_: UUID) -> Pair:
        """One, as it is now."""
        before = UUID(int=id_.int - 1) if id_.int else None
        held = None
        for found, position, deleted in await self._vectors.positions(
            self._namespace, after=before, limit=1
        ):
            held = Held(position, deleted) if found == id_ else None
        rows = await self._ledger.rows(
            self._namespace, model_revision=self._revision, after=before, limit=1
        )
        return id_, held, next((row for row in rows if row.id == id_), None)

    async def _between(
        self, page: Sequence[tuple[UUID, int, bool]], after: UUID | None, last: UUID | None
    ) -> AsyncIterator[Pair]:
        """What is behind `after`, up to `last` where there is one; `page` is the index's part."""
        waiting = deque(page)
        async for row in self._rows(after, last):
            while waiting and waiting[0][0] < row.id:
                yield _alone(waiting.popleft())
            held = None
            if waiting and waiting[0][0] == row.id:
                _, position, deleted = waiting.popleft()
                held = Held(position, deleted)
            yield row.id, held, row
        for point in waiting:
            yield _alone(point)

    async def _rows(self, after: UUID | None, last: UUID | None) -> AsyncIterator[LedgerRow]:
        while True:
            rows = await self._ledger.rows(
                self._namespace, model_revision=self._revision, after=after, limit=PAGE
            )
            for row in rows:
                if last is not None and row.id > last:
                    return
                yield row
            if len(rows) < PAGE:
                return
            after = rows[-1].id


def _alone(point: tuple[UUID, int, bool]) -> Pair:
    id_, position, deleted = point
    return id_, Held(position, deleted), None
