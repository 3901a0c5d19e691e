"""Events as JSON documents, and the log's as events."""

from dataclasses import replace
from typing import Final

from sfm_core.coordinates import NOWHERE
from sfm_core.encode.values import Document, instant
from sfm_core.model import Event, EventType, Kind, MemoryDraft
from sfm_events.event import SCHEMA_VERSION, EventLink, MemoryEvent

_NO_MEMORY: Final = frozenset(
    {
        EventType.DELETED,
        EventType.EXPIRED,
        EventType.LINKED,
        EventType.UNLINKED,
        EventType.ERASED,
    }
)
"""Of these the members of a memory say nothing."""


def document_of(event: MemoryEvent) -> Document:
    """The event as JSON says it, what is not said left out."""
    said: Document = {
        "schema_version": SCHEMA_VERSION,
        "event_id": str(event.event_id),
        "id": str(event.id),
        "namespace": event.namespace,
        "type": event.type.value,
        "timestamp": instant(event.at),
    }
    said |= {
        name: value
        for name, value in (
            ("generation", event.generation),
            ("version", event.version),
            ("position", event.position),
        )
        if value is not None
    }
    said |= _said_of_memory(event)
    if event.link is not None:
        link: Document = {
            "from": event.link.origin.numbers(),
            "to": event.link.target.numbers(),
            "type": event.link.type,
        }
        said["link"] = link if event.link.weight is None else link | {"weight": event.link.weight}
    if event.embedding is not None:
        said["embedding"] = event.embedding.tolist()
    if event.model_revision is not None:
        said["model_revision"] = event.model_revision
    if event.abridged:
        said["abridged"] = True
    return said


def from_log(event: Event, generation: int) -> MemoryEvent:
    """What the log says of a change, on the wire: with the state after it, without a vector."""
    draft = event.memory.draft if event.memory is not None else MemoryDraft(payload={})
    is_memory = event.link is None and event.coordinate != NOWHERE
    return MemoryEvent(
        event_id=event.event_id,
        id=event.memory_id,
        namespace=event.namespace,
        type=event.type,
        at=event.at,
        payload=draft.payload if event.removed is None else {"removed": event.removed},
        version=event.version,
        position=event.position,
        generation=generation,
        coordinate=event.coordinate if is_memory else None,
        kind=draft.kind,
        text=draft.text,
        importance=draft.importance if event.memory is not None else None,
        tags=draft.tags,
        session=draft.session,
        source=draft.source,
        occurred_at=draft.occurred_at,
        expires_at=draft.expires_at,
        pinned=draft.pinned,
        link=_link_from_log(event),
    )


def abridged(event: MemoryEvent) -> MemoryEvent:
    """What happened, without what the memory says: for what is too large for an event."""
    return replace(event, payload={}, text=None, embedding=None, abridged=True)


def _link_from_log(event: Event) -> EventLink | None:
    if event.link is None:
        return None
    key = event.link.key
    return EventLink(origin=key.origin, target=key.target, type=key.type, weight=event.link.weight)


def _said_of_memory(event: MemoryEvent) -> Document:
    said: Document = {"payload": event.payload}
    if event.coordinate is not None:
        said["coordinate"] = event.coordinate.numbers()
    if event.type not in _NO_MEMORY or event.kind is not Kind.EPISODIC:
        said["kind"] = event.kind.value
    for name, value in (
        ("text", event.text),
        ("importance", event.importance),
        ("session", event.session),
        ("source", event.source),
    ):
        if value is not None:
            said[name] = value
    if event.tags:
        said["tags"] = list(event.tags)
    if event.occurred_at is not None:
        said["occurred_at"] = instant(event.occurred_at)
    if event.expires_at is not None:
        said["expires_at"] = instant(event.expires_at)
    if event.pinned:
        said["pinned"] = True
    return said
