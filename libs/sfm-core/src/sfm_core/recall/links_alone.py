"""The links of a namespace without its view: read from the store for one question."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import anyio.to_thread

from sfm_core.edges.table import Edges, EdgeSnapshot
from sfm_core.model import LinkRow
from sfm_core.ports import ChangeFeed


@final
@dataclass(frozen=True, slots=True, eq=False)
class LinksAlone:
    """The links at one moment; each linked memory counts as a row, without text or vector."""

    edges: EdgeSnapshot
    rows: int

    @classmethod
    async def read(cls, feed: ChangeFeed, namespace: str) -> "LinksAlone":
        """Of the store as it is now or later.

        Raises:
            Unavailable: the store does not answer.
        """
        edges = Edges()
        row_of: dict[bytes, int] = {}
        async for links in feed.load_links(namespace):
            await anyio.to_thread.run_sync(_take, edges, row_of, links)
        return cls(edges.snapshot(), len(row_of))


def _take(edges: Edges, row_of: dict[bytes, int], links: Sequence[LinkRow]) -> None:
    for link in links:
        row_of.setdefault(link.origin.bytes, len(row_of))
        row_of.setdefault(link.target.bytes, len(row_of))
    edges.apply(links, row_of)
