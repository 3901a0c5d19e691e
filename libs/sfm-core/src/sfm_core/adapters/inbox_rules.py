"""What every Inbox decides alike about single arrivals: pure, shared by all of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from uuid import UUID

from sfm_core.adapters.write_rules import check_storable
from sfm_core.coordinates import Coordinate, memory_id
from sfm_core.errors import SfmError
from sfm_core.model import (
    Acceptance,
    Accepted,
    Arrival,
    Delete,
    LinkChange,
    Precondition,
    Stamp,
    Upsert,
)

type MemoryArrival = tuple[int, Arrival, Upsert | Delete]
"""Its index among all, and its change at the place where it is made."""
type LinkArrival = tuple[int, Arrival, LinkChange]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What stands at a coordinate while its lock is held."""

    version: int
    live: bool
    """And not expired."""
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Lot:
    """Arrivals of one kind that follow each other."""

    memories: Sequence[MemoryArrival] = ()
    links: Sequence[LinkArrival] = ()


def check_arrivals(arrivals: Sequence[Arrival]) -> None:
    """Raises `InvalidInput` for a value of a memory that no store can hold."""
    check_storable([a.change for a in arrivals if isinstance(a.change, Upsert | Delete)])


def names_of(arrivals: Sequence[Arrival]) -> list[UUID]:
    """Ids under which the log may hold them."""
    copies = [a.copy_of for a in arrivals if a.copy_of is not None]
    return [*(a.event_id for a in arrivals), *copies]


def sifted(
    arrivals: Sequence[Arrival], known: frozenset[UUID], erased_at: datetime | None
) -> dict[int, Accepted]:
    """Those with which nothing is to be done, by index."""
    found: dict[int, Accepted] = {}
    seen = set(known)
    for index, arrival in enumerate(arrivals):
        if arrival.event_id in seen or arrival.copy_of in seen:
            found[index] = Accepted.KNOWN
        elif erased_at is not None and min(arrival.at, arrival.taken_at) <= erased_at:
            found[index] = Accepted.STALE
        else:
            seen.add(arrival.event_id)
    return found


def lots(
    namespace: str,
    arrivals: Sequence[Arrival],
    sifted_out: Mapping[int, Accepted],
    places: Mapping[UUID, Coordinate],
) -> Iterator[Lot]:
    """What is left, in its order; `places` of the memories that arrivals name by id.

    An id that an arrival makes known is known to those behind it.
    """
    left = [(i, a) for i, a in enumerate(arrivals) if i not in sifted_out]
    known = dict(places)
    for is_memory, run in groupby(left, key=lambda one: isinstance(one[1].change, Upsert | Delete)):
        if is_memory:
            yield Lot(memories=[_placed(namespace, i, a, known) for i, a in run])
        else:
            yield Lot(
                links=[
                    (i, a, a.change) for i, a in run if not isinstance(a.change, Upsert | Delete)
                ]
            )


def in_turns(memories: Sequence[MemoryArrival]) -> list[list[MemoryArrival]]:
    """Cut so that no turn has a coordinate twice; the n-th of a coordinate is in the n-th."""
    turns: list[list[MemoryArrival]] = []
    seen: dict[Coordinate, int] = {}
    for one in memories:
        turn = seen.get(one[2].coordinate, 0)
        seen[one[2].coordinate] = turn + 1
        if turn == len(turns):
            turns.append([])
        turns[turn].append(one)
    return turns


def is_stale(arrival: Arrival, version: int | None) -> bool:
    """Whether what stands (None: nothing) is of its version or above."""
    return arrival.version is not None and version is not None and arrival.version <= version


def write_of(
    arrival: Arrival, change: Upsert | Delete, standing: Standing | None, now: datetime
) -> Upsert | Delete:
    """The write that makes the arrival's effect on what stands there."""
    at = min(arrival.at.astimezone(UTC), now)
    if standing is not None:
        at = max(at, standing.updated_at)
    is_born = isinstance(change, Upsert) and (standing is None or not standing.live)
    stamp = replace(
        change.stamp or Stamp(),
        created_at=at if is_born else None,
        updated_at=at,
        version=arrival.version,
        event_id=arrival.event_id,
    )
    if isinstance(change, Delete):
        return replace(change, stamp=stamp, even_if_gone=True)
    first = Precondition(ended=0) if standing is None else None
    return replace(change, stamp=stamp, precondition=first)


def failed(outcomes: Mapping[int, Acceptance]) -> bool:
    """Whether one of them is an error, so that nothing may be written."""
    return any(isinstance(outcome, SfmError) for outcome in outcomes.values())


def _placed(
    namespace: str, index: int, arrival: Arrival, known: dict[UUID, Coordinate]
) -> MemoryArrival:
    change = arrival.change
    if not isinstance(change, Upsert | Delete):
        raise TypeError("the change is about a link")
    place = None if arrival.named is None else known.get(arrival.named)
    if place is not None:
        change = replace(change, coordinate=place)
    known[memory_id(namespace, change.coordinate)] = change.coordinate
    return index, arrival, change
