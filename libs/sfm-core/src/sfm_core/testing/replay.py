"""As the log goes, so goes the state: the log of one store, replayed into another."""

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from sfm_core.errors import SfmError
from sfm_core.model import (
    Delete,
    Event,
    EventType,
    LinkChange,
    PutLink,
    Stamp,
    Unlink,
    Upsert,
    Write,
)
from sfm_core.ports import Embedder, EventLog, LinkStore, RecordStore
from sfm_core.remember.content import content_key
from sfm_core.text import indexed_text

_PAGE: Final = 200


async def replay(
    log: EventLog, namespace: str, *, records: RecordStore, links: LinkStore, embedder: Embedder
) -> int:
    """Write what the log of `namespace` tells into other stores, which hold nothing of it.

    Each memory and link goes through all its versions, with the names and times of their events,
    and is then as it is where the log is from. How many events were replayed.
    """
    after, count, more = 0, 0, True
    while more:
        page = await log.page(namespace, after=after, limit=_PAGE)
        for is_link, run in groupby(page.events, key=lambda event: event.link is not None):
            events = [event for event in run if event.type is not EventType.ERASED]
            if is_link:
                await links.apply(namespace, [_change(event) for event in events])
            elif events:
                await _replay_memories(namespace, events, records, embedder)
            count += len(events)
        after, more = page.position, page.more
    return count


async def _replay_memories(
    namespace: str, events: Sequence[Event], records: RecordStore, embedder: Embedder
) -> None:
    writes = [await _write(event, embedder) for event in events]
    for outcome in (await records.apply(namespace, writes)).outcomes:
        if isinstance(outcome, SfmError):
            raise outcome


async def _write(event: Event, embedder: Embedder) -> Write:
    stood = event.memory
    if stood is None:
        stamp = Stamp(event=event.type, updated_at=event.at, version=event.version)
        return Delete(coordinate=event.coordinate, stamp=stamp)
    said = stood.draft
    indexed = indexed_text(stood.text, source=said.source, occurred_at=said.occurred_at)
    [vector] = await embedder.embed([indexed])
    return Upsert(
        coordinate=event.coordinate,
        draft=said,
        text=stood.text,
        vector=vector,
        model_revision=embedder.info.model_revision,
        content_key=content_key(said),
        stamp=Stamp(
            event=event.type,
            created_at=stood.created_at,
            updated_at=stood.updated_at,
            version=event.version,
        ),
    )


def _change(event: Event) -> LinkChange:
    if event.link is None:
        raise AssertionError("an event about a link has one")
    if event.type is EventType.UNLINKED:
        return Unlink(key=event.link.key)
    return PutLink(key=event.link.key, weight=event.link.weight)
