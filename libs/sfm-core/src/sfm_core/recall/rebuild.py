"""Building a projection anew from the record store, and saying whether it was sound."""

from collections.abc import Callable, Collection, Mapping
from typing import Final, Protocol, final
from uuid import UUID

import anyio.to_thread

from sfm_core.coordinates import Coordinate
from sfm_core.errors import InvalidInput
from sfm_core.lexical.analysis import Analyzer
from sfm_core.model import Digest, PointsRebuilt, Projected, Rebuilt
from sfm_core.ports import ChangeFeed, Digests, Embedder, Projection, RecordStore, VectorMender
from sfm_core.recall.digests import (
    edges_digest,
    graph_digest,
    lexical_digest,
    slab_digest,
    stored_graph_digest,
    stored_lexical_digest,
)
from sfm_core.recall.holding import NotHeld
from sfm_core.recall.links_alone import LinksAlone
from sfm_core.recall.revectoring import Revectored, Revectoring
from sfm_core.recall.view import Snapshot
from sfm_core.recall.views import Views

_OF_VIEW: Final[Mapping[Projected, Callable[[Snapshot], Digest]]] = {
    Projected.SLAB: slab_digest,
    Projected.LEXICAL: lexical_digest,
    Projected.GRAPH: graph_digest,
}


class Points(Protocol):
    """A vector index that is built anew together with the vectors, where there is one."""

    async def begun(self, namespace: str) -> Digest | None:
        """Its digest of the namespace; None: there is no index."""
        ...

    async def bring(self, namespace: str, ids: Collection[UUID]) -> None:
        """Put these memories into it as they are stored now."""
        ...

    async def ended(self, namespace: str, before: Digest) -> PointsRebuilt | None:
        """Put the tombstones there, remove what is foreign, and compare digests."""
        ...


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
        points: Points | None = None,
    ) -> None:
        self._views = views
        self._feed = feed
        self._records = records
        self._digests = digests
        self._revectoring = Revectoring(mender=mender, embedder=embedder)
        self._embedder = embedder
        self._analyzer = analyzer
        self._cache = cache
        self._points = points

    async def rebuild(
        self,
        namespace: str,
        projection: Projected,
        *,
        after: Coordinate | None = None,
        within_s: float | None = None,
    ) -> Rebuilt:
        """Digests before and after, and of the truth.

        `slab`, `lexical` and `graph` are read anew from the record store, the copy on disk
        too; `vectors` embeds every text anew under the model in use and puts right what
        differs, and what the vector index has of the namespace is put there anew; `cache` is
        emptied, and fills by itself.

        Vectors can be done in portions: those behind `after`, no page beginning later than
        `within_s` after the call. Then the digests are of the portion, and `next` says where the
        next one begins.

        Where this process holds no view of the namespace, `graph` is what paths are then searched
        in, the links as they are read from the store for each question.

        Raises:
            InvalidInput: `slab` or `lexical` of a namespace of which no view is held.
            Conflict: the namespace was erased while its vectors were mended.
            Unavailable: the store or the embedder does not answer.
        """
        more: Coordinate | None = None
        points: PointsRebuilt | None = None
        before: Digest | None
        match projection:
            case Projected.VECTORS:
                done, points = await self._vectors(namespace, after, within_s)
                before, found, truth, more = done.before, done.after, done.truth, done.next
            case Projected.CACHE:
                before, found, truth = await self._emptied(namespace)
            case _:
                before, found, truth = await self._view(namespace, projection)
        return Rebuilt(
            projection=projection.value,
            before=before,
            after=found,
            truth=truth,
            position=(await self._records.stats(namespace)).position,
            next=more,
            points=points,
        )

    async def _vectors(
        self, namespace: str, after: Coordinate | None, within_s: float | None
    ) -> tuple[Revectored, PointsRebuilt | None]:
        indexed = None if self._points is None else await self._points.begun(namespace)
        done = await self._revectoring.portion(
            namespace,
            after=after,
            within_s=within_s,
            generation=await self._records.generation(namespace),
            renewed=None if indexed is None or self._points is None else self._points.bring,
        )
        if self._points is None or indexed is None or done.next is not None:
            return done, None
        return done, await self._points.ended(namespace, indexed)

    async def _view(
        self, namespace: str, projection: Projected
    ) -> tuple[Digest | None, Digest, Digest]:
        digest = _OF_VIEW[projection]
        before = None
        try:
            self._views.check_held(namespace, vectors=projection is Projected.SLAB)
            if (held := self._views.peek(namespace)) is not None:
                before = await anyio.to_thread.run_sync(digest, await held.snapshot())
            await self._views.drop(namespace)
            entry = await self._views.entry(namespace)
            after = await anyio.to_thread.run_sync(digest, await entry.snapshot())
        except NotHeld as error:
            if projection is not Projected.GRAPH:
                said = f"nothing to build anew: {error.detail}"
                raise InvalidInput(said, path="/projection") from error
            alone = await LinksAlone.read(self._feed, namespace)
            after = await anyio.to_thread.run_sync(edges_digest, alone.edges)
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

    async def _emptied(self, namespace: str) -> tuple[Digest | None, Digest, Digest]:
        nothing = Digest(0, 0)
        if self._cache is None:
            return None, nothing, nothing
        position = (await self._records.stats(namespace)).position
        held = await self._cache.forget(namespace, position=position)
        return Digest(held, 0), Digest(await self._cache.held(namespace), 0), nothing
