"""Events, versions of a memory, and what an erasure or a rebuilding did."""

from sfm_core.coordinates import NOWHERE
from sfm_core.encode.links import link
from sfm_core.encode.memories import said_of
from sfm_core.encode.values import Document, instant
from sfm_core.model import ErasureReceipt, Event, EventPage, History, PointsRebuilt, Rebuilt


def event(one: Event) -> Document:
    """`Event` of the contract: one record of the log, with the memory as it was right after."""
    document: Document = {
        "position": one.position,
        "event_id": str(one.event_id),
        "type": one.type.value,
        "namespace": one.namespace,
        "id": str(one.memory_id),
        "coordinate": None if one.coordinate == NOWHERE else one.coordinate.numbers(),
        "version": one.version,
        "timestamp": instant(one.at),
    }
    if one.memory is not None:
        document |= said_of(one.memory) | {"created_at": instant(one.memory.created_at)}
    if one.link is not None:
        document["link"] = link(one.link)
    if one.removed is not None:
        document["removed"] = one.removed
    return document


def event_page(found: EventPage) -> Document:
    return {
        "events": [event(one) for one in found.events],
        "position": found.position,
        "more": found.more,
    }


def history(found: History) -> Document:
    return {
        "versions": [version(event) for event in found.events],
        "next_before": found.next_before,
    }


def version(event: Event) -> Document:
    """One version of a memory: what it said then, absent values null; of an end only that."""
    document: Document = {
        "version": event.version,
        "type": event.type.value,
        "at": instant(event.at),
        "position": event.position,
        "event_id": str(event.event_id),
    }
    if event.memory is None:
        return document
    return document | said_of(event.memory) | {"created_at": instant(event.memory.created_at)}


def erasure(done: ErasureReceipt) -> Document:
    return {
        "namespace": done.namespace,
        "generation": done.generation,
        "position": done.position,
        "event_id": str(done.event_id),
        "erased_at": instant(done.at),
        "complete": done.complete,
        "stores": [
            {"store": one.store, "removed": one.removed, "left": one.left} for one in done.stores
        ],
    }


def rebuilt(done: Rebuilt) -> Document:
    return {
        "projection": done.projection,
        "before": None if done.before is None else done.before.text,
        "after": done.after.text,
        "truth": done.truth.text,
        "sound": done.is_sound,
        "position": done.position,
        "next": None if done.next is None else done.next.text,
        "points": None if done.points is None else _points(done.points),
    }


def _points(done: PointsRebuilt) -> Document:
    return {
        "before": done.before.text,
        "after": done.after.text,
        "truth": done.truth.text,
        "sound": done.is_sound,
    }
