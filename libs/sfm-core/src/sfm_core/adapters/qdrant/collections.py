"""The collections a namespace's points are in, made where they are missing."""

from collections.abc import Sequence
from typing import Final, final

from qdrant_client import AsyncQdrantClient, models

from sfm_core.adapters.qdrant.link import QdrantLink
from sfm_core.adapters.qdrant.payloads import INDEXES, SEARCHED, Indexes
from sfm_core.errors import Misconfigured

_MAKING_S: Final = 9.0
"""A collection and its indexes may take longer than a call on points."""


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
        return [*self._shared, f"{self.default}.{namespace}"] if self._own else self._shared

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

    def forget_known(self) -> None:
        """Look again: the server may have come back without them."""
        self._known.clear()

    async def _made(self, name: str) -> None:
        if name in self._known:
            return
        indexes = SEARCHED if name == self.default else INDEXES
        dim = self.dim
        await self._link.call(
            "prepare", lambda client: _make(client, name, dim, indexes), more_s=_MAKING_S
        )
        self._known.add(name)


async def _make(client: AsyncQdrantClient, name: str, dim: int, indexes: Indexes) -> None:
    if not await client.collection_exists(name):
        await client.create_collection(
            name,
            vectors_config=models.VectorParams(size=dim, distance=models.Distance.DOT),
            optimizers_config=models.OptimizersConfigDiff(default_segment_number=1),
        )
    info = await client.get_collection(name)
    held = info.config.params.vectors
    if not isinstance(held, models.VectorParams) or held.size != dim:
        size = held.size if isinstance(held, models.VectorParams) else "named"
        raise Misconfigured(
            f"Qdrant's collection {name} holds {size} vectors of another embedder, and this one "
            f"makes {dim} numbers: name another QDRANT_COLLECTION, or delete it and rebuild"
        )
    if held.distance is not models.Distance.DOT:
        raise Misconfigured(f"Qdrant's collection {name} was made by somebody else: not Dot")
    for field, schema in indexes.items():
        if field not in info.payload_schema:
            await client.create_payload_index(name, field, schema, wait=True)
