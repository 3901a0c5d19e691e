"""Building a projection anew from the record store, and saying whether it was sound."""

from collections.abc import Callable, Mapping
from typing import Final, final

import anyio.to_thread

from sfm_core.lexical.analysis import Analyzer
from sfm_core.model import Digest, Projected, Rebuilt
from sfm_core.ports import ChangeFeed, Digests, Embedder, Projection, RecordStore, VectorMender
from sfm_core.recall.digests import (
    graph_digest,
    lexical_digest,
    slab_digest,
    stored_graph_digest,
    stored_lexical_digest,
)
from sfm_core.recall.view import Snapshot
from sfm_core.recall.views import Views
from sfm_core.text import indexed_text

_BATCH: Final = 64


_OF_VIEW: Final[Mapping[Projected, Callable[[Snapshot], Digest]]] = {
    Projected.SLAB: slab_digest,
    Projected.LEXICAL: lexical_digest,
    Projected.GRAPH: graph_digest,
}


@final
class Rebuild:
    """Drops a projection and makes it again; recalls wait for a view that is being loaded."""

    def __init__(
        self,
        *,
        views: Views,
        feed: ChangeFeed,
        records: RecordStore,
        digests: Digests,
        mender: VectorMender,
        embedder: Embedder,
        analyzer: Analyzer,
        cache: Projection | None = None,
    ) -> None:
        self._views = views
        self._feed = feed
        self._records = records
        self._digests = digests
        self._mender = mender
        self._embedder = embedder
        self._analyzer = analyzer
        self._cache = cache

    async def rebuild(self, namespace: str, projection: Projected) -> Rebuilt:
        """Digests before and after, and of the truth.

        `slab`, `lexical` and `graph` are read anew from the record store, the copy on disk
        too; `vectors` embeds what has no sound vector under the model in use; `cache` is
        emptied, and fills by itself.

        Raises:
            Unavailable: the store or the embedder does not answer.
        """
        before: Digest | None
        match projection:
            case Projected.VECTORS:
                before, after, truth = await self._vectors(namespace)
            case Projected.CACHE:
                before, after, truth = await self._emptied(namespace)
            case _:
                before, after, truth = await self._view(namespace, projection)
        return Rebuilt(
            projection=projection.value,
            before=before,
            after=after,
            truth=truth,
            position=(await self._records.stats(namespace)).position,
        )

    async def _view(
        self, namespace: str, projection: Projected
    ) -> tuple[Digest | None, Digest, Digest]:
        entry = self._views.peek(namespace)
        digest = _OF_VIEW[projection]
        before = None
        if entry is not None:
            before = await anyio.to_thread.run_sync(digest, await entry.snapshot())
        await self._views.drop(namespace)
        entry = await self._views.entry(namespace)
        after = await anyio.to_thread.run_sync(digest, await entry.snapshot())
        return before, after, await self._truth(namespace, projection)

    async def _truth(self, namespace: str, projection: Projected) -> Digest:
        revision = self._embedder.info.model_revision
        match projection:
            case Projected.LEXICAL:
                return await stored_lexical_digest(
                    self._feed, namespace, self._analyzer, model_revision=revision
                )
            case Projected.GRAPH:
                return await stored_graph_digest(self._feed, namespace)
            case _:
                return await self._digests.vectors(namespace, model_revision=revision)

    async def _vectors(self, namespace: str) -> tuple[Digest, Digest, Digest]:
        """The truth is what the texts embed to: as many as memories live, the mended included."""
        revision = self._embedder.info.model_revision
        before = await self._digests.vectors(namespace, model_revision=revision)
        async for rows in self._feed.load(namespace, model_revision=revision):
            bare = [row for row in rows if row.vector is None]
            for start in range(0, len(bare), _BATCH):
                batch = bare[start : start + _BATCH]
                texts = [
                    indexed_text(row.text, source=row.source, occurred_at=row.occurred_at)
                    for row in batch
                ]
                vectors = await self._embedder.embed(texts)
                await self._mender.put_vectors(
                    namespace,
                    [(r.id, r.version, v) for r, v in zip(batch, vectors, strict=True)],
                    model_revision=revision,
                )
        after = await self._digests.vectors(namespace, model_revision=revision)
        live = (await self._records.stats(namespace)).total
        return before, after, Digest(live, after.total)

    async def _emptied(self, namespace: str) -> tuple[Digest | None, Digest, Digest]:
        nothing = Digest(0, 0)
        if self._cache is None:
            return None, nothing, nothing
        position = (await self._records.stats(namespace)).position
        held = await self._cache.forget(namespace, position=position)
        return Digest(held, 0), Digest(await self._cache.held(namespace), 0), nothing
