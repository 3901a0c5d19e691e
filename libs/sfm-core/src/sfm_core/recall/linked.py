"""The links of hits, where a question asks to see them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import final
from uuid import UUID

from sfm_core.decode.limits import MAX_SHOWN_LINKS
from sfm_core.model import Hit, Neighbor, RecallQuery
from sfm_core.ports import Clock, LinkStore

type Hits = tuple[Hit, ...]


@final
class HitLinks:
    """Reads them from the store; without one, hits have none."""

    def __init__(self, links: LinkStore | None, clock: Clock) -> None:
        self._links = links
        self._clock = clock

    async def added(
        self, namespace: str, queries: Sequence[RecallQuery], hits: Sequence[Hits]
    ) -> list[Hits]:
        """The hits of each query, with their links where it asks for them; one read for all.

        Raises:
            Unavailable: the store does not answer.
        """
        asking = {
            hit.memory.id
            for query, found in zip(queries, hits, strict=True)
            if query.include_links
            for hit in found
        }
        links: Mapping[UUID, Sequence[Neighbor]] = {}
        if asking and self._links is not None:
            now = self._clock.now()
            links = await self._links.of(namespace, asking, limit=MAX_SHOWN_LINKS, now=now)
        return [
            _shown(found, links) if query.include_links else found
            for query, found in zip(queries, hits, strict=True)
        ]


def _shown(hits: Hits, links: Mapping[UUID, Sequence[Neighbor]]) -> Hits:
    return tuple(replace(hit, links=tuple(links.get(hit.memory.id, ()))) for hit in hits)
