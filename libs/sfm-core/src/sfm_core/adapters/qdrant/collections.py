"""The collections a namespace's points are in, made where they are missing."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Final, final

import anyio
from qdrant_client import AsyncQdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse

from sfm_core.adapters.qdrant.fence import check_fence
from sfm_core.adapters.qdrant.link import QdrantLink
from sfm_core.adapters.qdrant.payloads import INDEXES, SEARCHED, Index
from sfm_core.errors import Misconfigured

_MAKING_S: Final = 9.0
"""What making a collection, or an index, may take above a call on points."""
_MAKERS: Final = 2
"""Collections that are made at once: the server has other calls to answer meanwhile."""
_EXISTS: Final = 409


@final
class Collections:
    """The shared one, each namespace's own, and one more where it is asked for."""

    def __init__(
        self, link: QdrantLink, *, shared: str, extra: str | None = None, own: bool = True
    ) -> None:
        """Without `own` there are none for single namespaces."""
        self._link = link
        self._shared = [shared] if extra is None else [shared, extra]
        self._own = own
        self._known: set[str] = set()
        self._dim: int | None = None
        self._making_one: dict[str, anyio.Lock] = {}
        self._makers = anyio.CapacityLimiter(_MAKERS)

    @property
    def default(self) -> str:
        return self._shared[0]

    @property
    def dim(self) -> int:
        """Of every vector, once `prepare` has said it."""
        if self._dim is None:
            raise Misconfigured("the vector store was not prepared")
        return self._dim

    def of(self, namespace: str) -> Sequence[str]:
        """Those that hold points of a namespace, the default one first."""
        return [*self._shared, self.own(namespace)] if self._own else self._shared

    def own(self, namespace: str) -> str:
        """The namespace's own one, which may be there although none is written to any more."""
        return f"{self.default}.{namespace}"

    async def prepare(self, dim: int) -> None:
        """As `VectorStore.prepare`."""
        self._dim = dim
        self._known.clear()
        for name in self._shared:
            await self._made(name)

    async def ready(self, namespace: str) -> Sequence[str]:
        """`of`, all of them there.

        Raises:
            Misconfigured: one holds vectors of another length.
            Unavailable: Qdrant does not answer.
        """
        names = self.of(namespace)
        for name in names:
            await self._made(name)
        return names

    async def first(self) -> str:
        """The default one, there.

        Raises: as `ready`.
        """
        await self._made(self.default)
        return self.default

    async def drop(self, name: str) -> None:
        """Remove a collection with all that is in it."""
        self._known.discard(name)
        await self._making(partial(_drop, name=name))

    def forget_known(self) -> None:
        """Look again: the server may have come back without them."""
        self._known.clear()

    async def _made(self, name: str) -> None:
        """There, with its indexes; made by one of those who want it, while the others wait."""
        if name in self._known:
            return
        lock = self._making_one.setdefault(name, anyio.Lock())
        async with lock, self._makers:
            if name not in self._known:
                await self._make(name)
                self._known.add(name)
        if not lock.statistics().tasks_waiting:
            self._making_one.pop(name, None)

    async def _make(self, name: str) -> None:
        # asked within the usual time first: only who is there gets more of it
        if not await self._link.call("prepare", lambda client: client.collection_exists(name)):
            await self._making(partial(_create, name=name, dim=self.dim))
        info = await self._link.call("prepare", lambda client: client.get_collection(name))
        _check(name, info, self.dim)
        for field in self._indexes(name).keys() - info.payload_schema.keys():
            schema = self._indexes(name)[field]
            await self._making(partial(_index, name=name, field=field, schema=schema))
        if name == self.default:
            await check_fence(self._link, name, self.dim)

    def _indexes(self, name: str) -> Mapping[str, Index]:
        if name == self.default:
            return SEARCHED
        return INDEXES

    async def _making(self, make: Callable[[AsyncQdrantClient], Awaitable[None]]) -> None:
        await self._link.call("prepare", make, more_s=_MAKING_S)


async def _create(client: AsyncQdrantClient, *, name: str, dim: int) -> None:
    """Another process may do the same: whose collection it becomes does not matter."""
    try:
        await client.create_collection(
            name,
            vectors_config=models.VectorParams(size=dim, distance=models.Distance.DOT),
            optimizers_config=models.OptimizersConfigDiff(default_segment_number=1),
        )
    except UnexpectedResponse as error:
        if error.status_code != _EXISTS:
            raise


async def _drop(client: AsyncQdrantClient, *, name: str) -> None:
    await client.delete_collection(name)


async def _index(client: AsyncQdrantClient, *, name: str, field: str, schema: Index) -> None:
    await client.create_payload_index(name, field, schema, wait=True)


def _check(name: str, info: models.CollectionInfo, dim: int) -> None:
    held = info.config.params.vectors
    if not isinstance(held, models.VectorParams) or held.distance is not models.Distance.DOT:
        raise Misconfigured(f"Qdrant's collection {name} was not made by SFM: name another one")
    if held.size != dim:
        raise Misconfigured(
            f"Qdrant's collection {name} holds vectors of {held.size} numbers, and the embedder "
            f"makes {dim}: name another QDRANT_COLLECTION, or delete that one"
        )
