"""A vector index beside the record store, and what is still owed to it."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sfm_core.model import Digest, Owed, VectorHit, VectorPoint, VectorQuery


class VectorStore(Protocol):
    """A projection of live memories' vectors, and of tombstones, fenced by log position.

    Holds each point in the default collection, the namespace's own, and one more where that is
    configured. A point never goes back: what has a lower position than what is stored changes
    nothing. Any call may raise `Unavailable`; whether it was written is then unknown.
    """

    async def prepare(self, *, dim: int) -> None:
        """Make the shared collections and their indexes where they are missing.

        Raises:
            Misconfigured: a collection there holds vectors of another length.
        """
        ...

    async def put(self, namespace: str, points: Sequence[VectorPoint]) -> None:
        """Store points and tombstones; seen by every later call.

        Raises:
            Conflict: some lie at or below the position up to which the namespace was forgotten,
                and are not there; the others are.
        """
        ...

    async def search(self, namespace: str, query: VectorQuery) -> Sequence[VectorHit]:
        """The live points nearest to a vector, exactly, best first; ties by id.

        The filter is applied before the limit. A store that looks at candidates one by one may
        end after some thousands of them: it then gives fewer than there are, or of a tie at the
        limit not those with the lowest ids.
        """
        ...

    async def digest(self, namespace: str) -> Digest:
        """Of the live points: which, at which positions (`sfm_core.digesting` says how)."""
        ...

    async def positions(
        self, namespace: str, *, after: UUID | None, limit: int
    ) -> Sequence[tuple[UUID, int, bool]]:
        """(id, position, deleted) of the points behind an id, in the order of ids."""
        ...

    async def remove(self, namespace: str, ids: Collection[UUID]) -> None:
        """Remove these points, tombstones too, whatever their positions: their fences are gone.

        For points of which the record store knows nothing, or less.
        """
        ...

    async def forget(self, namespace: str, *, position: int) -> int:
        """Remove every trace of a namespace up to a position, tombstones too; how many points."""
        ...

    async def floor(self, namespace: str) -> int:
        """Up to which position the namespace was forgotten; 0: never."""
        ...

    async def lower(self, namespace: str, *, position: int) -> None:
        """Take points above this position again, whatever was forgotten before.

        For an index that remembers an erasure which the log, restored from a backup, does not.
        """
        ...

    async def held(self, namespace: str) -> int:
        """Points of a namespace, tombstones too."""
        ...

    async def ping(self) -> None:
        """Answers when the store does.

        Raises:
            Unavailable: it does not.
            Misconfigured: it refuses the credentials.
        """
        ...


class VectorWal(Protocol):
    """Memories whose vectors are in the record store and not, for all we know, in the index."""

    async def owe(self, namespace: str, ids: Collection[tuple[UUID, int]], *, reason: str) -> None:
        """Note (id, version) as not indexed; a memory already noted keeps its attempts.

        Raises:
            Unavailable: the record store does not answer.
        """
        ...

    async def due(
        self,
        *,
        now: datetime,
        limit: int,
        namespace: str | None = None,
        but: Collection[str] = (),
    ) -> Sequence[Owed]:
        """Those whose next attempt is due, the oldest first.

        Of one namespace, or (None) of every one that is not in `but`.
        """
        ...

    async def paid(self, namespace: str, ids: Collection[tuple[UUID, int]]) -> int:
        """Strike off (id, version); one that was noted anew with a later version stays."""
        ...

    async def failed(
        self, namespace: str, ids: Collection[UUID], *, reason: str, due_at: datetime
    ) -> None:
        """Count an attempt and say when the next is due."""
        ...

    async def noted(self, namespace: str, *, limit: int) -> Sequence[UUID]:
        """Memories of a namespace that are noted, whenever they are due; no more than `limit`."""
        ...

    async def size(self, namespace: str | None = None) -> tuple[int, datetime | None]:
        """How many are noted, and since when the oldest; None: in all namespaces."""
        ...
