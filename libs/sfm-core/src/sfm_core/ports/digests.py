"""Digests of what is stored."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from sfm_core.model import F32, Digest


class Digests(Protocol):
    """Digests of a namespace in the record store (`sfm_core.digesting` says of what)."""

    async def memories(self, namespace: str) -> Digest:
        """Of the live memories, with all they say."""
        ...

    async def links(self, namespace: str) -> Digest:
        """Of the live links."""
        ...

    async def vectors(self, namespace: str, *, model_revision: str) -> Digest:
        """Of the live memories' vectors under a model revision, as they are stored."""
        ...


class VectorMender(Protocol):
    """Puts vectors under memories that have none, or a damaged one."""

    async def put_vectors(
        self, namespace: str, vectors: Sequence[tuple[UUID, int, F32]], *, model_revision: str
    ) -> int:
        """Store vectors of (id, version); those whose memory has moved on are passed over.

        They are changes to the feed. How many were stored.

        Raises:
            Unavailable: the store does not answer; whether any was stored is unknown.
        """
        ...
