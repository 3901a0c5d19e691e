"""Which memories are recalled and read: counted in memory, written in batches."""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Final, final
from uuid import UUID

import anyio

from sfm_core.errors import Conflict, SfmError
from sfm_core.generations import Generations
from sfm_core.model import Access
from sfm_core.owned import owned_tasks
from sfm_core.ports import AccessStore, Clock

_LOG: Final = logging.getLogger(__name__)
MAX_HELD: Final = 50_000
"""Memories whose counts wait to be written; further ones are not counted meanwhile."""
FLUSH_S: Final = 5.0
_BATCH: Final = 1000
_LAST_S: Final = 2.0
"""What the last flush may take when all is closed."""


@final
class Accesses:
    """Implements `ports.AccessNotes`. Noting costs a dictionary entry and no I/O.

    Counts steer pruning only: those of the last seconds are lost with a killed process. Each is
    of the life of the namespace that was known when it was noted: none counts in a later one.
    Where another process erased, those until the next writing down are lost as well.
    """

    def __init__(
        self,
        *,
        store: AccessStore,
        clock: Clock,
        generations: Generations | None = None,
        present: Callable[[str], Awaitable[int]] | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._generations = generations or Generations()
        self._present = present
        self._held: dict[tuple[str, int, UUID], tuple[int, datetime]] = {}

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        *,
        store: AccessStore,
        clock: Clock,
        generations: Generations | None = None,
        present: Callable[[str], Awaitable[int]] | None = None,
    ) -> AsyncGenerator["Accesses"]:
        """Counts that are written every few seconds, and when the block ends.

        `present` tells a namespace's generation; it is asked when `generations` is behind.
        """
        accesses = cls(store=store, clock=clock, generations=generations, present=present)
        async with owned_tasks() as tasks:
            tasks.start_soon(accesses._write_down)
            yield accesses
        with anyio.move_on_after(_LAST_S, shield=True):
            await accesses.flush()

    @property
    def waiting(self) -> int:
        """Memories whose counts are not written yet."""
        return len(self._held)

    def note(self, namespace: str, ids: Iterable[UUID]) -> None:
        now, generation = self._clock.now(), self._generations.known(namespace)
        for id_ in ids:
            self._take(namespace, generation, Access(id=id_, hits=1, last_at=now))

    async def flush(self) -> None:
        """Write down what is held; what the store cannot take now is held for the next time."""
        held, self._held = self._held, {}
        by_life: dict[tuple[str, int], list[Access]] = {}
        for (namespace, generation, id_), (hits, last_at) in held.items():
            access = Access(id=id_, hits=hits, last_at=last_at)
            by_life.setdefault((namespace, generation), []).append(access)
        for (namespace, generation), accesses in by_life.items():
            for start in range(0, len(accesses), _BATCH):
                await self._add(namespace, generation, accesses[start : start + _BATCH])

    async def _add(self, namespace: str, generation: int, batch: list[Access]) -> None:
        try:
            await self._store.add(namespace, batch, generation=generation)
        except Conflict:
            await self._look(namespace)  # it was erased: what was noted is of no memory there is
        except SfmError as error:
            if not error.retriable:
                _LOG.warning("accesses.lost", extra={"kind": error.kind, "memories": len(batch)})
                return
            for access in batch:
                self._take(namespace, generation, access)

    async def _look(self, namespace: str) -> None:
        if self._present is not None:
            with suppress(SfmError):
                self._generations.note(namespace, await self._present(namespace))

    def _take(self, namespace: str, generation: int, access: Access) -> None:
        key = (namespace, generation, access.id)
        hits, last_at = self._held.get(key, (0, access.last_at))
        if hits or len(self._held) < MAX_HELD:
            self._held[key] = (hits + access.hits, max(last_at, access.last_at))

    async def _write_down(self) -> None:
        while True:
            await anyio.sleep(FLUSH_S)
            await self.flush()
