"""The nearest points, exactly, whatever the filter."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from qdrant_client import models

from sfm_core.adapters.qdrant.conditions import conditions_of
from sfm_core.adapters.qdrant.link import QdrantLink
from sfm_core.adapters.qdrant.payloads import KIND, POSITION
from sfm_core.indexing.points import admitted
from sfm_core.model import Kind, VectorHit, VectorQuery

_SPARE: Final = 16
"""Asked for beyond the limit, to see where a tie at its edge ends."""
_FACTOR: Final = 4
MOST: Final = 8192
"""Candidates that are looked at for one search, at most: more would hold up the process."""
_EACH_S: Final = 0.002


async def search(
    link: QdrantLink, name: str, namespace: str, query: VectorQuery
) -> Sequence[VectorHit]:
    """As `VectorStore.search`, in one collection.

    What Qdrant cannot judge of a filter is judged here, over more and more candidates until
    enough are admitted, or `MOST` were looked at: the rarer they are, the dearer.
    """
    asked = query.limit + _SPARE
    most = max(MOST, asked)
    while True:
        hits, found, last = await _candidates(link, name, namespace, query, asked)
        best = sorted(hits, key=lambda hit: (-hit.score, hit.id))[: query.limit]
        is_whole = len(best) == query.limit and best[-1].score > last
        if found < asked or is_whole or asked == most:
            return best
        asked = min(most, _FACTOR * asked)


async def _candidates(
    link: QdrantLink, name: str, namespace: str, query: VectorQuery, asked: int
) -> tuple[Sequence[VectorHit], int, float]:
    """The admitted of the nearest, how many there were, and the lowest score among them."""
    conditions, exact = conditions_of(namespace, query)
    found = await link.call(
        "search",
        lambda client: client.query_points(
            name,
            query=query.vector.tolist(),
            query_filter=conditions,
            search_params=models.SearchParams(exact=True),
            limit=asked,
            with_payload=[POSITION] if exact else True,
        ),
        more_s=_EACH_S * asked,
        patience_s=query.patience_s,
    )
    points = found.points
    hits = [_hit(point) for point in points if exact or _admits(query, point)]
    return hits, len(points), points[-1].score if points else 0.0


def _admits(query: VectorQuery, point: models.ScoredPoint) -> bool:
    payload = point.payload or {}
    return query.filter is None or admitted(query.filter, Kind(payload[KIND]), payload)


def _hit(point: models.ScoredPoint) -> VectorHit:
    return VectorHit(UUID(str(point.id)), (point.payload or {})[POSITION], point.score)
