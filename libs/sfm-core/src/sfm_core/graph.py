"""Linking memories, and finding ways along the links."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final, final
from uuid import UUID

from sfm_core.coordinates import Coordinate
from sfm_core.errors import Conflict, NotFound, SfmError
from sfm_core.model import (
    Link,
    LinkChange,
    Linked,
    LinkKey,
    LinksApplied,
    Neighbor,
    NeighborPage,
    NeighborQuery,
    Path,
    PathQuery,
    PutLink,
    Receipt,
    Unlink,
    Unlinked,
    Written,
)
from sfm_core.ports import Clock, Committer, GraphStore, LinkStore, RecordStore

TRIES: Final = 3
"""How often a way is searched anew because a memory on it was deleted meanwhile."""


@final
class Graph:
    """Links and unlinks; tells of neighbours and of ways.

    A change is a job, as every write: once begun it is finished and shown to this process's
    views, whoever is cancelled. Neighbours are asked of the store, so they are exact. A way is
    searched in the graph in memory, and its memories are read from the store.
    """

    def __init__(
        self,
        *,
        links: LinkStore,
        records: RecordStore,
        graphs: GraphStore,
        commits: Committer,
        clock: Clock,
    ) -> None:
        self._links = links
        self._records = records
        self._graphs = graphs
        self._commits = commits
        self._clock = clock

    async def link(self, namespace: str, put: PutLink, *, receipt: Receipt | None = None) -> Linked:
        """Link two memories, or give their link of this type another weight.

        Raises:
            NotFound: no memory lives at one of the ends.
            Conflict: the namespace was erased meanwhile.
            KeyReused: the receipt's key came with another request before.
            Unavailable: the store does not answer; whether it was written is unknown.
        """
        applied = await self._change(namespace, put, receipt)
        done = _only(applied)
        link = Link(
            key=put.key,
            id=done.id,
            weight=put.weight,
            version=done.version,
            position=done.position,
            created_at=done.created_at,
            updated_at=done.at,
        )
        return Linked(
            link=link,
            created=done.changed and done.created_at == done.at,
            changed=done.changed,
            replayed=applied.replayed,
        )

    async def unlink(
        self, namespace: str, key: LinkKey, *, receipt: Receipt | None = None
    ) -> Unlinked:
        """End a link; again, or where there never was one, is fine.

        Raises:
            NotFound: nothing was ever stored at one of the ends.
            Conflict, KeyReused, Unavailable: as `link`.
        """
        applied = await self._change(namespace, Unlink(key=key), receipt)
        done = _only(applied)
        return Unlinked(position=done.position, changed=done.changed, replayed=applied.replayed)

    async def neighbors(
        self, namespace: str, coordinate: Coordinate, query: NeighborQuery
    ) -> NeighborPage:
        """A page of the links of a memory, the strongest first.

        Raises:
            NotFound: no memory lives there.
            InvalidInput: the cursor is not one that a page gave.
            Unavailable: the store does not answer.
        """
        [memory] = await self._living(namespace, [coordinate])
        now = self._clock.now()
        return await self._links.neighbors(namespace, memory, query, now=now)

    async def path(self, namespace: str, query: PathQuery) -> Path:
        """The strongest way from one memory to another, along links in their direction.

        From a memory to itself: just that memory.

        Raises:
            NotFound: no memory lives at one of the ends.
            Unavailable: the store does not answer.
            DeadlineExceeded: it took too long, to get ready or to search.
        """
        ends = await self._living(namespace, [query.origin, query.target])
        if query.origin == query.target:
            return Path(coordinates=(query.origin,))
        for turn in range(TRIES):
            way = await self._graphs.shortest_path(
                namespace,
                *ends,
                type=query.type,
                min_position=query.min_position,
                now=self._clock.now(),
            )
            if way is None:
                return Path(coordinates=())
            ids, weight = way
            memories = await self._records.fetch(namespace, ids)
            if len(memories) == len(ids):
                return Path(coordinates=tuple(memories[i].coordinate for i in ids), weight=weight)
            if turn + 1 < TRIES:
                await self._graphs.refresh()
        raise Conflict("others kept deleting memories on the way")

    async def links_of(
        self, namespace: str, memories: Collection[UUID], *, limit: int
    ) -> Mapping[UUID, Sequence[Neighbor]]:
        """The strongest `limit` links of each memory; one without links has no entry.

        Raises:
            Unavailable: the store does not answer.
        """
        if not memories:
            return {}
        return await self._links.of(namespace, memories, limit=limit, now=self._clock.now())

    async def _living(self, namespace: str, places: Sequence[Coordinate]) -> list[UUID]:
        """Ids of the memories there. Raises `NotFound` when one is missing or has expired."""
        found = await self._records.get(namespace, places)
        now = self._clock.now()
        ids = []
        for at in places:
            memory = found.get(at)
            expires_at = None if memory is None else memory.draft.expires_at
            if memory is None or (expires_at is not None and expires_at <= now):
                raise NotFound(f"no memory lives at {at.text}", coordinate=at.text)
            ids.append(memory.id)
        return ids

    async def _change(
        self, namespace: str, change: LinkChange, receipt: Receipt | None
    ) -> LinksApplied:
        generation = await self._commits.generation(namespace)

        async def write() -> LinksApplied:
            return await self._links.apply(
                namespace, [change], receipt=receipt, now=self._clock.now(), generation=generation
            )

        return await self._commits.put(
            namespace, write, lambda applied: ((), applied.rows), generation=generation
        )


def _only(applied: LinksApplied) -> Written:
    [outcome] = applied.outcomes
    if isinstance(outcome, SfmError):
        raise outcome
    return outcome
