"""Vectors in Qdrant, fenced by log position."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final, final
from uuid import UUID

import anyio
from qdrant_client import AsyncQdrantClient, models

from sfm_core.adapters.qdrant.audit import Audit
from sfm_core.adapters.qdrant.collections import Collections
from sfm_core.adapters.qdrant.link import Absent, Address, QdrantLink
from sfm_core.adapters.qdrant.payloads import (
    POSITION,
    at_most,
    floor,
    floor_id,
    of_namespace,
    stored,
)
from sfm_core.adapters.qdrant.searching import search
from sfm_core.errors import Conflict, SfmError
from sfm_core.model import Digest, VectorHit, VectorPoint, VectorQuery
from sfm_core.ports import Telemetry

_AT_ONCE: Final = 256
"""Points of one call; their payloads count too."""
_AT_ONCE_CHARS: Final = 4 * 1024 * 1024
_POINT_S: Final = 0.005
"""What each point may add to the time of a call."""
_SWEEP_S: Final = 30.0
"""What a deletion by filter may take."""


@final
class QdrantVectors:
    """Implements `VectorStore`.

    The fence is a condition of each write (`update_filter`), judged by the server as it writes.
    It holds for points that are there; so nothing is deleted but by `forget` and `remove`, and
    `forget` leaves a floor: a point that says up to which position the namespace was erased.
    Who writes looks at it afterwards, and takes back what lies below.
    """

    def __init__(self, link: QdrantLink, collections: Collections) -> None:
        self._link = link
        self._collections = collections
        self._audit = Audit(link, collections)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        address: Address,
        *,
        collection: str,
        extra: str | None = None,
        own: bool = True,
        telemetry: Telemetry | None = None,
    ) -> AsyncGenerator["QdrantVectors"]:
        """Connects with the first call.

        Raises:
            Misconfigured: the address is none, or its CA certificate cannot be read.
        """
        async with QdrantLink.open(address, telemetry=telemetry) as link:
            yield cls(link, Collections(link, shared=collection, extra=extra, own=own))

    @property
    def is_broken(self) -> bool:
        """True while calls are passed by, because earlier ones failed."""
        return self._link.is_broken

    async def prepare(self, *, dim: int) -> None:
        await self._collections.prepare(dim)

    async def put(self, namespace: str, points: Sequence[VectorPoint]) -> None:
        for some in _portions(points):
            await self._repeated(partial(self._put, namespace, some))

    async def search(self, namespace: str, query: VectorQuery) -> Sequence[VectorHit]:
        return await search(self._link, self._collections.default, namespace, query)

    async def digest(self, namespace: str) -> Digest:
        return await self._audit.digest(namespace)

    async def positions(
        self, namespace: str, *, after: UUID | None, limit: int
    ) -> Sequence[tuple[UUID, int, bool]]:
        return await self._audit.positions(namespace, after=after, limit=limit)

    async def remove(self, namespace: str, ids: Collection[UUID]) -> None:
        names = [str(memory) for memory in ids]
        selected = of_namespace(namespace, models.HasIdCondition(has_id=list(names)))
        await self._delete(namespace, selected)

    async def forget(self, namespace: str, *, position: int) -> int:
        """The floor first: whoever wrote before it is swept, whoever writes after it looks."""

        async def lowered() -> None:
            default = await self._collections.first()
            await self._upsert(default, [floor(namespace, position, self._collections.dim)])

        await self._repeated(lowered)
        below = of_namespace(namespace, at_most(position))
        removed = await self._most(namespace, below)
        await self._delete(namespace, below)
        await self._drop_own(namespace, below)
        return removed

    async def _drop_own(self, namespace: str, below: models.Filter) -> None:
        """Its own collection, also one from when there were such, unless there is more in it.

        What a later life writes between the look and the drop is missing there until the audit
        comes by.
        """
        own = self._collections.own(namespace)
        if not await self._link.call("get", lambda client: client.collection_exists(own)):
            return
        with suppress(Absent):
            await self._delete_from(own, below)
            left = await self._link.call("count", lambda client: client.count(own))
            if not left.count:
                await self._collections.drop(own)

    async def floor(self, namespace: str) -> int:
        try:
            marks = await self._link.call(
                "get",
                lambda client: client.retrieve(
                    self._collections.default, [str(floor_id(namespace))], with_payload=[POSITION]
                ),
            )
        except Absent:
            return 0
        return max(((mark.payload or {})[POSITION] for mark in marks), default=0)

    async def lower(self, namespace: str, *, position: int) -> None:
        """One is set anew where there was an erasure, and none left out in between but the time
        of two calls.
        """
        mark = models.PointIdsList(points=[str(floor_id(namespace))])
        default = await self._collections.first()
        await self._link.call("delete", lambda client: client.delete(default, mark, wait=True))
        if position:
            await self._upsert(default, [floor(namespace, position, self._collections.dim)])

    async def held(self, namespace: str) -> int:
        return await self._most(namespace, of_namespace(namespace))

    async def ping(self) -> None:
        await self._link.call("ping", lambda client: client.get_collections())

    async def _repeated(self, write: Callable[[], Awaitable[None]]) -> None:
        """Once more, when the collections turn out to be gone."""
        try:
            await write()
        except Absent:
            self._collections.forget_known()
            await write()

    async def _put(self, namespace: str, points: Sequence[VectorPoint]) -> None:
        names = await self._collections.ready(namespace)
        await _everywhere(names, lambda name: self._put_into(name, namespace, points))
        await self._kept_off(namespace, min(point.position for point in points))

    async def _put_into(self, name: str, namespace: str, points: Sequence[VectorPoint]) -> None:
        dim = self._collections.dim
        await self._upsert(name, [stored(namespace, point, dim) for point in points])
        if len(points) == 1:
            return
        standing = await self._standing(name, points)
        for point in points:  # those that stood between their own position and the lowest
            if standing.get(point.id, -1) < point.position:
                await self._upsert(name, [stored(namespace, point, dim)])

    async def _upsert(self, name: str, points: Sequence[models.PointStruct]) -> None:
        """Write these, but none over a position above the lowest of them."""
        lowest = min((point.payload or {})[POSITION] for point in points)
        unless = models.Filter(must=[at_most(lowest)])
        await self._link.call(
            "put",
            lambda client: client.upsert(name, list(points), wait=True, update_filter=unless),
            more_s=_POINT_S * len(points),
        )

    async def _standing(self, name: str, points: Sequence[VectorPoint]) -> Mapping[UUID, int]:
        ids = [str(point.id) for point in points]
        found = await self._link.call(
            "get",
            lambda client: client.retrieve(name, ids, with_payload=[POSITION]),
            more_s=_POINT_S * len(points),
        )
        return {UUID(str(one.id)): (one.payload or {}).get(POSITION, -1) for one in found}

    async def _kept_off(self, namespace: str, lowest: int) -> None:
        """Take back what an erasure was ahead of."""
        erased_to = await self.floor(namespace)
        if lowest <= erased_to:
            await self._delete(namespace, of_namespace(namespace, at_most(erased_to)))
            raise Conflict("some of these were erased")

    async def _delete(self, namespace: str, selected: models.Filter) -> None:
        for name in self._collections.of(namespace):
            with suppress(Absent):
                await self._delete_from(name, selected)

    async def _delete_from(self, name: str, selected: models.Filter) -> None:
        selector = models.FilterSelector(filter=selected)
        await self._link.call(
            "delete", lambda client: client.delete(name, selector, wait=True), more_s=_SWEEP_S
        )

    async def _most(self, namespace: str, selected: models.Filter) -> int:
        """How many points, in the collection that holds most of them."""

        def counting(name: str) -> Callable[[AsyncQdrantClient], Awaitable[models.CountResult]]:
            return lambda client: client.count(name, selected, exact=True)

        most = 0
        for name in self._collections.of(namespace):
            try:
                found = await self._link.call("count", counting(name), more_s=_SWEEP_S)
            except Absent:
                continue
            most = max(most, found.count)
        return most


async def _everywhere(names: Sequence[str], job: Callable[[str], Awaitable[None]]) -> None:
    """Do it in all collections at once; where some fail the others are done, and one is told."""
    failures: list[SfmError] = []

    async def guarded(name: str) -> None:
        try:
            await job(name)
        except SfmError as error:
            failures.append(error)

    async with anyio.create_task_group() as tasks:
        for name in names:
            tasks.start_soon(guarded, name)
    if failures:
        raise next((one for one in failures if isinstance(one, Absent)), failures[0])


def _portions(points: Sequence[VectorPoint]) -> Sequence[Sequence[VectorPoint]]:
    """Of a memory that is there twice the newer alone; few and small enough for one call."""
    newest: dict[UUID, VectorPoint] = {}
    for point in points:
        if point.id not in newest or newest[point.id].position <= point.position:
            newest[point.id] = point
    portions: list[list[VectorPoint]] = []
    chars = 0
    for point in newest.values():
        chars += len(str(point.facts.get("payload", "")))
        if not portions or len(portions[-1]) == _AT_ONCE or chars > _AT_ONCE_CHARS:
            portions.append([])
            chars = 0
        portions[-1].append(point)
    return portions
