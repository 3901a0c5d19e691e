"""From a foreign event to the change that it stands for."""

import math
from typing import Final
from uuid import UUID, uuid5

import numpy as np

from sfm_core.coordinates import Coordinate
from sfm_core.errors import InvalidInput
from sfm_core.model import (
    DEFAULT_IMPORTANCE,
    DEFAULT_LINK_WEIGHT,
    F32,
    Arrival,
    Delete,
    EmbedderInfo,
    EventType,
    LinkChange,
    LinkKey,
    MemoryDraft,
    PutLink,
    Stamp,
    Unlink,
    Upsert,
)
from sfm_core.remember import content_key
from sfm_core.text import effective_text
from sfm_events.event import MemoryEvent
from sfm_events.ports import Delivered
from sfm_kv_writer.waiting import Wait

NORM_TOLERANCE: Final = 1e-3
_WORD: Final = 32
_DERIVED: Final = 5
_FOREIGN: Final = UUID("0d6c54ae-0d0b-4d6f-8a5c-3f8f6f0f9595")
_SAID_AS: Final = frozenset({EventType.RESTORED, EventType.DECAYED, EventType.EXPIRED})
"""Types that the log keeps as they are said; `created` and `updated` are told by what was there."""
_ENDS: Final = frozenset({EventType.DELETED, EventType.EXPIRED})
_LINKS: Final = frozenset({EventType.LINKED, EventType.UNLINKED})


def arrival_of(delivered: Delivered, info: EmbedderInfo) -> Arrival:
    """What the inbox is to be given; `info` is of the embedder in use.

    Raises:
        InvalidInput: it can never take effect, and which of its fields is why.
    """
    event = delivered.event
    if event.type is EventType.ERASED:
        raise InvalidInput("a namespace is erased by its owner, over the API", path="/type")
    if event.type in _LINKS:
        change: Upsert | Delete | LinkChange = _link(event)
    else:
        change = _end(event) if event.type in _ENDS else _upsert(event, info)
    return Arrival(
        event_id=known_as(event.event_id),
        copy_of=event.event_id if event.event_id.version == _DERIVED else None,
        at=event.at,
        taken_at=Wait.of(delivered.record).first_at,
        change=change,
        version=event.version,
        named=event.id if event.coordinate is None and event.type not in _LINKS else None,
    )


def known_as(event: UUID) -> UUID:
    """The id under which a foreign event is in the log.

    Its own, but for one of version 5: the ids of our own events are such, and follow from what
    anybody can know, so that a foreign event could take the id of a change that is still to come.
    """
    return uuid5(_FOREIGN, str(event)) if event.version == _DERIVED else event


def place_of(memory: UUID) -> Coordinate:
    """Where a memory is whose producer names it by an id and not by a place.

    The id's four words of 32 bits, so that every event about it finds the same place.
    """
    words = (memory.int >> shift & (1 << _WORD) - 1 for shift in range(3 * _WORD, -1, -_WORD))
    return Coordinate.of(words)


def _upsert(event: MemoryEvent, info: EmbedderInfo) -> Upsert:
    draft = MemoryDraft(
        payload=event.payload,
        kind=event.kind,
        text=event.text,
        importance=DEFAULT_IMPORTANCE if event.importance is None else event.importance,
        tags=event.tags,
        session=event.session,
        source=event.source,
        occurred_at=event.occurred_at,
        expires_at=event.expires_at,
        pinned=event.pinned,
    )
    vector = _vector(event, info)
    return Upsert(
        coordinate=_place(event),
        draft=draft,
        text=effective_text(draft),
        vector=vector,
        model_revision=None if vector is None else info.model_revision,
        content_key=content_key(draft),
        stamp=_stamp(event),
    )


def _end(event: MemoryEvent) -> Delete:
    return Delete(coordinate=_place(event), stamp=_stamp(event))


def _link(event: MemoryEvent) -> LinkChange:
    if event.link is None:
        raise InvalidInput(f"a link is required of {event.type}", path="/link")
    key = LinkKey(origin=event.link.origin, target=event.link.target, type=event.link.type)
    if event.type is EventType.UNLINKED:
        return Unlink(key=key)
    weight = DEFAULT_LINK_WEIGHT if event.link.weight is None else event.link.weight
    return PutLink(key=key, weight=weight)


def _place(event: MemoryEvent) -> Coordinate:
    return place_of(event.id) if event.coordinate is None else event.coordinate


def _stamp(event: MemoryEvent) -> Stamp | None:
    return Stamp(event=event.type) if event.type in _SAID_AS else None


def _vector(event: MemoryEvent, info: EmbedderInfo) -> F32 | None:
    """The embedding, made exactly of norm 1; None: there is none of the model in use.

    An embedding that names no model could be of any. It is not used, but it must have the
    length that its producer would need to have it used.
    """
    given = event.embedding
    if given is None or event.model_revision not in (None, info.model_revision):
        return None
    if given.shape != (info.dim,):
        raise InvalidInput(
            f"has {given.shape[0]} numbers, the model in use {info.dim}", path="/embedding"
        )
    if event.model_revision is None:
        return None
    norm = float(np.linalg.norm(given.astype(np.float64)))
    if not math.isfinite(norm) or abs(norm - 1.0) > NORM_TOLERANCE:
        raise InvalidInput(f"is of norm {norm:.4g} and not 1", path="/embedding")
    unit: F32 = (given.astype(np.float64) / norm).astype(np.float32)
    return unit
