"""The log as exports and imports need it."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Protocol

from sfm_core.coordinates import Coordinate
from sfm_core.model import (
    Archived,
    CarriedSample,
    Cut,
    Link,
    LinkKey,
    LinkOccupant,
    Occupant,
    Sample,
)


class Archive(Protocol):
    """Reads a namespace as it was at one place of its log, and keeps what an import brings that
    is no memory.

    Any call may raise `Unavailable`: the store does not answer.
    """

    async def cut(self, namespace: str) -> Cut:
        """The end of the log as of now: all up to it is committed, what comes is behind it.

        Waits for the writes of this namespace that are under way; holds nothing afterwards.
        """
        ...

    def scan(
        self, namespace: str, cut: Cut, *, history: bool, model_revision: str | None
    ) -> AsyncIterator[Sequence[Archived]]:
        """The namespace as it was at the cut, by position, in pages of bounded size.

        Without `history`: the latest version of each memory that lived then, and of the last
        512 importances those that no such version told. With it: every event about a memory.
        Vectors of `model_revision` (None: none) as far as they are stored still: a memory that
        was changed since the cut comes without one. No transaction stays open between pages.
        """
        ...

    def links(self, namespace: str, cut: Cut) -> AsyncIterator[Sequence[Link]]:
        """The links that there were at the cut, by position, in pages."""
        ...

    async def links_standing(
        self, namespace: str, keys: Collection[LinkKey]
    ) -> Mapping[LinkKey, LinkOccupant]:
        """What is stored of these links, ended ones too; one that never was has no entry."""
        ...

    async def generation(self, namespace: str) -> int:
        """Which life of the namespace this is, from 1; another one than before: it was erased."""
        ...

    async def standing(
        self, namespace: str, coordinates: Collection[Coordinate]
    ) -> Mapping[Coordinate, Occupant]:
        """The memories and tombstones at these coordinates; what was never stored has no entry."""
        ...

    async def keep_samples(
        self, namespace: str, samples: Sequence[CarriedSample], *, generation: int | None = None
    ) -> Sequence[Sample]:
        """Put importances into the log, in their order, without an event; durable on return.

        Only those whose version of the memory the log does not know: a repeat changes nothing.
        Gives those that were kept, with the positions they got. `generation`: as
        `RecordStore.apply`.

        Raises:
            Conflict: the namespace is of another generation; nothing was kept.
        """
        ...
