"""Digests of what is stored."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from sfm_core.coordinates import Coordinate
from sfm_core.model import F32, Digest, StoredVector


class Digests(Protocol):
    """Digests of a namespace in the record store (`sfm_core.digesting` says of what)."""

    async def memories(self, namespace: str) -> Digest:
        """Of the live memories, with all they say."""
        ...

    async def tombstones(self, namespace: str) -> Digest:
        """Of the memories that live no more: which, and the versions of their ends."""
        ...

    async def links(self, namespace: str) -> Digest:
        """Of the live links."""
        ...

    async def vectors(self, namespace: str, *, model_revision: str) -> Digest:
        """Of the live memories' vectors under a model revision, as they are stored.

        Bit by bit, so that a vector that is not its memory's own shows.
        """
        ...


class VectorMender(Protocol):
    """Shows what is embedded beside the vectors that stand for it, and puts others there."""

    async def embedded(
        self, namespace: str, *, model_revision: str, after: Coordinate | None, limit: int
    ) -> Sequence[StoredVector]:
        """Live memories behind `after` by their coordinates' texts; none: there are no more.

        At most `limit`, and fewer when their texts are long: no call holds more than a few MB.

        Raises:
            Unavailable: the store does not answer.
        """
        ...

    async def put_vectors(
        self,
        namespace: str,
        vectors: Sequence[tuple[UUID, int, F32]],
        *,
        model_revision: str,
        generation: int | None = None,
    ) -> int:
        """Store vectors of (id, version); those whose memory has moved on are passed over.

        They are changes to the feed. How many were stored. `generation`: as `RecordStore.apply`.

        Raises:
            Conflict: the namespace is of another generation; nothing was stored.
            Unavailable: the store does not answer; whether any was stored is unknown.
        """
        ...
