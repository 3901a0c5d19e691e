"""The Eraser in memory, over what an `InMemoryStore` keeps."""

from collections.abc import Callable, Mapping

import anyio.lowlevel

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_spaces import Space
from sfm_core.model import Erased, EventType
from sfm_core.model.erasures import counted


class InMemoryEraser:
    """Implements `Eraser` for tests and trials.

    `forget_accesses` drops what a twin beside the store counts of a namespace; how much it was.
    """

    def __init__(
        self, store: InMemoryStore, forget_accesses: Callable[[str], int] = lambda _: 0
    ) -> None:
        self._store = store
        self._forget_accesses = forget_accesses

    async def erase(self, namespace: str) -> Erased:
        await anyio.lowlevel.checkpoint()
        removed = _counts(self._store.peek(namespace))
        removed["accesses"] = self._forget_accesses(namespace)
        event = self._store.begin_anew(namespace, removed)
        left = _counts(self._store.peek(namespace)) | {"accesses": 0}
        return Erased(
            generation=event.version,
            position=event.position,
            event_id=event.event_id,
            at=event.at,
            stores=counted({store: (count, left[store]) for store, count in removed.items()}),
        )

    async def last(self, namespace: str) -> int:
        await anyio.lowlevel.checkpoint()
        events = self._store.peek(namespace).events
        return max((e.position for e in events if e.type is EventType.ERASED), default=0)


def _counts(space: Space) -> dict[str, int]:
    rows = space.rows.values()
    found: Mapping[str, int] = {
        "memories": len(rows),
        "vectors": sum(row.vector is not None for row in rows),
        "events": sum(event.type is not EventType.ERASED for event in space.events),
        "links": len(space.links),
        "receipts": len(space.receipts),
        "accesses": 0,
        "importances": len(space.brought),
        "wal": len(space.owed),
    }
    return dict(found)
