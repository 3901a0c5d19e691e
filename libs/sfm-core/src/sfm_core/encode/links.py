"""Links, seen whole or from one of their ends, and paths along them."""

from sfm_core.encode.values import Document, instant
from sfm_core.model import Link, Neighbor, NeighborPage, Path


def link(found: Link) -> Document:
    """`Link` of the contract."""
    return {
        "from": found.key.origin.numbers(),
        "to": found.key.target.numbers(),
        "type": found.key.type,
        "weight": found.weight,
        "id": str(found.id),
        "version": found.version,
        "position": found.position,
        "created_at": instant(found.created_at),
        "updated_at": instant(found.updated_at),
    }


def neighbors(page: NeighborPage) -> Document:
    return {
        "neighbors": [neighbor(one) for one in page.neighbors],
        "next_cursor": page.next_cursor,
    }


def neighbor(found: Neighbor) -> Document:
    """One link, seen from one of its ends."""
    return {
        "coordinate": found.coordinate.numbers(),
        "id": str(found.id),
        "direction": found.direction.value,
        "type": found.type,
        "weight": found.weight,
    }


def path(found: Path) -> Document:
    """`weight` is there when the path has a link."""
    document: Document = {"path": [at.numbers() for at in found.coordinates]}
    return document if found.weight is None else document | {"weight": found.weight}
