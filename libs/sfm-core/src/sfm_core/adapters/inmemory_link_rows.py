"""What the in-memory store keeps of a link."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sfm_core.coordinates import event_id, link_id, memory_id
from sfm_core.model import (
    Direction,
    Event,
    EventType,
    Link,
    LinkKey,
    LinkRow,
    Neighbor,
    Written,
)

type Name = tuple[UUID, UUID, str]
"""Ids of origin and target, and the type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkEntry:
    """A link, or what is left of one that ended."""

    name: Name
    link: Link
    live: bool
    xid: int

    @classmethod
    def new(cls, namespace: str, key: LinkKey, weight: float, at: datetime) -> "LinkEntry":
        """Not written yet: `at` and `write_link` give it the rest."""
        link = Link(
            key=key,
            id=link_id(namespace, key.origin, key.target, key.type),
            weight=weight,
            version=1,
            position=0,
            created_at=at,
            updated_at=at,
        )
        return cls(name=name_of(namespace, key), link=link, live=True, xid=0)

    def put(self, weight: float) -> "LinkEntry":
        """The next version, with this weight."""
        link = replace(self.link, weight=weight, version=self.link.version + 1)
        return replace(self, link=link, live=True)

    def ended(self) -> "LinkEntry":
        """The next version, which is the end."""
        return replace(self, link=replace(self.link, version=self.link.version + 1), live=False)

    def at(self, position: int, now: datetime, xid: int, *, born: bool) -> "LinkEntry":
        """As it is written; `born`: it came into being just now."""
        since = now if born else self.link.created_at
        link = replace(self.link, position=position, created_at=since, updated_at=now)
        return replace(self, link=link, xid=xid)

    def row(self, namespace: str) -> LinkRow:
        origin, target, kind = self.name
        return LinkRow(
            namespace=namespace,
            origin=origin,
            target=target,
            type=kind,
            weight=self.link.weight,
            version=self.link.version,
            position=self.link.position,
            deleted=not self.live,
        )

    def written(self, *, changed: bool = True) -> Written:
        link, kind = self.link, EventType.LINKED if self.live else EventType.UNLINKED
        return Written(
            coordinate=link.key.origin,
            id=link.id,
            version=link.version,
            position=link.position,
            event_id=event_id(link.id, link.version, kind),
            type=kind,
            at=link.updated_at,
            created_at=link.created_at,
            changed=changed,
        )

    def event(self, namespace: str) -> Event:
        done = self.written()
        return Event(
            namespace=namespace,
            position=done.position,
            event_id=done.event_id,
            memory_id=done.id,
            coordinate=done.coordinate,
            type=done.type,
            version=done.version,
            at=done.at,
            link=self.link,
        )

    def seen_from(self, memory: UUID) -> Neighbor | None:
        """The link as a neighbour of one of its ends; None when it does not end there."""
        origin, target, kind = self.name
        if memory not in (origin, target):
            return None
        outward = memory == origin
        return Neighbor(
            coordinate=self.link.key.target if outward else self.link.key.origin,
            id=target if outward else origin,
            direction=Direction.OUT if outward else Direction.IN,
            type=kind,
            weight=self.link.weight,
            version=self.link.version,
            position=self.link.position,
            created_at=self.link.created_at,
            updated_at=self.link.updated_at,
        )


def name_of(namespace: str, key: LinkKey) -> Name:
    return memory_id(namespace, key.origin), memory_id(namespace, key.target), key.type
