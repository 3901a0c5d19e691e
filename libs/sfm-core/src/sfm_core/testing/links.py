"""Links for tests: made, written and read back."""

from typing import Any

from sfm_core.coordinates import memory_id
from sfm_core.model import (
    Link,
    LinkKey,
    LinksApplied,
    NeighborQuery,
    PutLink,
    Written,
)
from sfm_core.ports import LinkStore
from sfm_core.testing.fakes import EPOCH
from sfm_core.testing.writes import at


def a_link(origin: str, target: str, weight: float = 1.0, *, type: str = "related") -> PutLink:  # noqa: A002
    return PutLink(key=a_key(origin, target, type), weight=weight)


def a_key(origin: str, target: str, kind: str = "related") -> LinkKey:
    return LinkKey(origin=at(origin), target=at(target), type=kind)


def linked(applied: LinksApplied) -> Written:
    """The outcome of the only change, which took effect."""
    [outcome] = applied.outcomes
    assert isinstance(outcome, Written), outcome
    return outcome


async def every(links: LinkStore, namespace: str) -> dict[tuple[str, str, str], Link]:
    found = [link async for batch in links.all(namespace) for link in batch]
    named = {(x.key.origin.text, x.key.target.text, x.key.type): x for x in found}
    assert len(named) == len(found)
    return named


async def around(
    links: LinkStore,
    namespace: str,
    place: str,
    **asked: Any,  # noqa: ANN401 - whatever `NeighborQuery` takes
) -> list[tuple[str, str, str, float]]:
    memory = memory_id(namespace, at(place))
    page = await links.neighbors(namespace, memory, NeighborQuery(**asked), now=EPOCH)
    return [(n.direction.value, n.coordinate.text, n.type, n.weight) for n in page.neighbors]
