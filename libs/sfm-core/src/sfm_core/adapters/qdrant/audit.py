"""What all collections of a namespace hold alike."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, final
from uuid import UUID

from qdrant_client import AsyncQdrantClient, models

from sfm_core.adapters.qdrant.collections import Collections
from sfm_core.adapters.qdrant.link import Absent, QdrantLink
from sfm_core.adapters.qdrant.payloads import DELETED, POSITION, of_namespace
from sfm_core.digesting import digest_of, point_share
from sfm_core.model import Digest

type Mark = tuple[UUID, int, bool]
"""(id, position, deleted)"""
type _Page = tuple[list[models.Record], object]

_PAGE: Final = 1000
_PAGE_S: Final = 10.0
UNEVEN: Final = 0
"""Position of a point that the collections hold differently: any write mends it."""
UNREADABLE: Final = 2**53 - 1
"""Position of a point whose payload is none of ours: no write gets by it, so it has to go."""
_FIRST: Final = UUID(int=0)
"""Numbers, which are never ids of ours, come before all UUIDs."""


@final
class Audit:
    """Reads marks of points without their vectors."""

    def __init__(self, link: QdrantLink, collections: Collections) -> None:
        self._link = link
        self._collections = collections

    async def digest(self, namespace: str) -> Digest:
        """Of the live points; one that the collections hold differently changes it."""
        found, after = Digest(0, 0), None
        while page := await self.positions(namespace, after=after, limit=_PAGE):
            after = page[-1][0]
            found += digest_of(
                point_share(memory.bytes, position)
                for memory, position, deleted in page
                if not deleted
            )
        return found

    async def positions(self, namespace: str, *, after: UUID | None, limit: int) -> Sequence[Mark]:
        """As `VectorStore.positions`; position `UNEVEN` where the collections differ, and
        `UNREADABLE` where another tool wrote a point. One whose id is a number is passed over.
        """
        names = self._collections.of(namespace)
        pages = [await self._page(name, namespace, after, limit) for name in names]
        # behind the last mark of a full page there may be more of that collection
        ends = [page[-1][0] for page in pages if len(page) == limit]
        upto = min(ends) if ends else None
        held: list[Mapping[UUID, tuple[int, bool]]] = [
            {memory: (position, deleted) for memory, position, deleted in page} for page in pages
        ]
        ids = sorted({memory for one in held for memory in one if upto is None or memory <= upto})
        return [_merged(memory, [one.get(memory) for one in held]) for memory in ids[:limit]]

    async def _page(
        self, name: str, namespace: str, after: UUID | None, limit: int
    ) -> Sequence[Mark]:
        selected = of_namespace(namespace)

        def scrolling() -> Callable[[AsyncQdrantClient], Awaitable[_Page]]:
            # an offset is the first id that is given
            start = str(after or _FIRST)
            return lambda client: client.scroll(
                name,
                scroll_filter=selected,
                limit=limit + 1,
                offset=start,
                with_payload=[POSITION, DELETED],
            )

        try:
            records, _ = await self._link.call("scan", scrolling(), more_s=_PAGE_S)
        except Absent:
            return []
        marks = [_mark(record) for record in records if isinstance(record.id, str)]
        return [mark for mark in marks if after is None or mark[0] > after][:limit]


def _mark(record: models.Record) -> Mark:
    payload = record.payload or {}
    position, deleted = payload.get(POSITION), payload.get(DELETED)
    if type(position) is int and type(deleted) is bool:
        return UUID(str(record.id)), position, deleted
    return UUID(str(record.id)), UNREADABLE, False


def _merged(memory: UUID, held: Sequence[tuple[int, bool] | None]) -> Mark:
    first = held[0]
    if first is not None and all(one == first for one in held):
        return memory, *first
    is_foreign = any(one is not None and one[0] == UNREADABLE for one in held)
    return memory, UNREADABLE if is_foreign else UNEVEN, False
