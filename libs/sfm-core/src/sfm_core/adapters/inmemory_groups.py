"""LogGroups in memory, over what an `InMemoryStore` keeps."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import anyio
import anyio.lowlevel

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_outbox import unsent_of
from sfm_core.model import Event
from sfm_core.ports.outbox import Unsent


@dataclass(slots=True)
class _Group:
    position: int = 0
    owner: UUID | None = None
    seen_at: float = 0.0


class InMemoryLogGroups:
    """Implements `LogGroups` for tests and trials."""

    def __init__(self, store: InMemoryStore) -> None:
        self._store = store
        self._groups: dict[str, _Group] = {}

    async def claim(self, group: str, member: UUID, *, session_s: float) -> int | None:
        await anyio.lowlevel.checkpoint()
        found = self._groups.setdefault(group, _Group())
        now = anyio.current_time()
        if found.owner not in (None, member) and now - found.seen_at <= session_s:
            return None
        found.owner, found.seen_at = member, now
        return found.position

    async def release(self, group: str, member: UUID) -> None:
        await anyio.lowlevel.checkpoint()
        found = self._groups.get(group)
        if found is not None and found.owner == member:
            found.owner = None

    async def commit(self, group: str, member: UUID, position: int) -> bool:
        await anyio.lowlevel.checkpoint()
        found = self._groups.get(group)
        if found is None or found.owner != member:
            return False
        found.position, found.seen_at = position, anyio.current_time()
        return True

    async def read(self, *, after: int, limit: int) -> Sequence[Unsent]:
        await anyio.lowlevel.checkpoint()
        return [unsent_of(self._store, event) for event in self._events(after)[:limit]]

    async def behind(self, position: int) -> int:
        await anyio.lowlevel.checkpoint()
        return len(self._events(position))

    def _events(self, after: int) -> list[Event]:
        every = (event for name in self._store.every() for event in self._store.log(name))
        return sorted(
            (event for event in every if event.position > after),
            key=lambda event: event.position,
        )
