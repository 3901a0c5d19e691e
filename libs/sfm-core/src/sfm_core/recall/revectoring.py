"""Every vector of a namespace embedded anew, page by page."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Final, final
from uuid import UUID

from sfm_core.coordinates import Coordinate
from sfm_core.digesting import digest_of, stored_vector_share, vector_share
from sfm_core.model import F32, Digest, StoredVector
from sfm_core.ports import Embedder, VectorMender
from sfm_core.text import indexed_text

_PAGE: Final = 64
_NOTHING: Final = Digest(0, 0)

type Renewed = Callable[[str, Collection[UUID]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Revectored:
    """Digests of a portion: as it was, as it is, and as its texts embed."""

    before: Digest = _NOTHING
    after: Digest = _NOTHING
    truth: Digest = _NOTHING
    next: Coordinate | None = None
    """Where the next portion begins behind; None: this was the last."""

    def with_page(self, before: Digest, after: Digest, truth: Digest) -> "Revectored":
        return Revectored(self.before + before, self.after + after, self.truth + truth)


@final
class Revectoring:
    """Embeds the text of every live memory, and puts its vector where another one stands.

    One page is in hand at a time, and takes its turns in the embedder's queue as one caller. A
    vector goes only under the version whose text was embedded: a write that comes in between
    wins. What already stands as it should is not written.
    """

    def __init__(self, *, mender: VectorMender, embedder: Embedder) -> None:
        self._mender = mender
        self._embedder = embedder

    async def portion(
        self,
        namespace: str,
        *,
        after: Coordinate | None,
        within_s: float | None,
        generation: int,
        renewed: Renewed | None = None,
    ) -> Revectored:
        """The memories behind `after`: all, or as many pages as begin within this time.

        `renewed` is told the ids of each page, once its vectors are as they should be.

        Raises:
            Conflict: the namespace is not of this generation any more.
            Unavailable: the store or the embedder does not answer; what was mended stays.
        """
        begun = monotonic()
        done, behind = Revectored(), after
        while page := await self._page(namespace, behind):
            done = done.with_page(*await self._renewed(namespace, page, behind, generation))
            if renewed is not None:
                await renewed(namespace, [one.id for one in page])
            behind = page[-1].coordinate
            if within_s is not None and monotonic() - begun >= within_s:
                return Revectored(done.before, done.after, done.truth, behind)
        return done

    async def _page(self, namespace: str, after: Coordinate | None) -> Sequence[StoredVector]:
        revision = self._embedder.info.model_revision
        return await self._mender.embedded(
            namespace, model_revision=revision, after=after, limit=_PAGE
        )

    async def _renewed(
        self,
        namespace: str,
        page: Sequence[StoredVector],
        after: Coordinate | None,
        generation: int,
    ) -> tuple[Digest, Digest, Digest]:
        """Digests of the page before, after and of the truth."""
        revision = self._embedder.info.model_revision
        vectors = await self._embedder.embed(
            [indexed_text(one.text, source=one.source, occurred_at=one.occurred_at) for one in page]
        )
        fresh = list(zip(page, vectors, strict=True))
        others = [(one.id, one.version, v) for one, v in fresh if one.vector != v.tobytes()]
        if others:
            await self._mender.put_vectors(
                namespace, others, model_revision=revision, generation=generation
            )
        last = page[-1].coordinate
        again = [one for one in await self._page(namespace, after) if one.coordinate <= last]
        return _as_stored(page), _as_stored(again), _as_embedded(fresh)


def _as_stored(page: Sequence[StoredVector]) -> Digest:
    return digest_of(
        stored_vector_share(one.id.bytes, one.version, one.vector)
        for one in page
        if one.vector is not None
    )


def _as_embedded(fresh: Sequence[tuple[StoredVector, F32]]) -> Digest:
    return digest_of(vector_share(one.id.bytes, one.version, vector) for one, vector in fresh)
