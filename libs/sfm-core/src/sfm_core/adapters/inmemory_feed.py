"""The ChangeFeed in memory, and what else a view asks of a store."""

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import anyio.lowlevel

from sfm_core.adapters.inmemory_rows import view_row
from sfm_core.adapters.inmemory_spaces import Spaces
from sfm_core.adapters.inmemory_stamps import caught_up
from sfm_core.adapters.inmemory_words import by_words
from sfm_core.model import (
    Changes,
    LinkRow,
    RecallQuery,
    Sample,
    ViewRow,
)
from sfm_core.model.saved import CatchUp

_PAGE: Final = 500


class Feed(Spaces):
    """Implements `ChangeFeed`, `LogIdentity` and `WordSearch` for tests and trials."""

    async def by_words(
        self, namespace: str, query: RecallQuery, *, now: datetime, limit: int
    ) -> Sequence[UUID]:
        await anyio.lowlevel.checkpoint()
        return by_words(self.live(namespace), query, now, limit)

    async def token(self) -> int:
        await anyio.lowlevel.checkpoint()
        return self._xid

    async def moment(self) -> str:
        await anyio.lowlevel.checkpoint()
        return f"{self._xid} {self._log}"

    async def load(
        self, namespace: str, *, model_revision: str
    ) -> AsyncIterator[Sequence[ViewRow]]:
        await anyio.lowlevel.checkpoint()
        live = self._space(namespace).live()
        for start in range(0, len(live), _PAGE):
            yield [view_row(row, model_revision) for row in live[start : start + _PAGE]]
            await anyio.lowlevel.checkpoint()

    async def load_links(self, namespace: str) -> AsyncIterator[Sequence[LinkRow]]:
        await anyio.lowlevel.checkpoint()
        live = [entry for entry in self._space(namespace).links.values() if entry.live]
        for start in range(0, len(live), _PAGE):
            yield [entry.row(namespace) for entry in live[start : start + _PAGE]]
            await anyio.lowlevel.checkpoint()

    async def samples(self, namespace: str, *, limit: int) -> tuple[Sequence[Sample], int]:
        await anyio.lowlevel.checkpoint()
        space = self._space(namespace)
        last = space.samples[-limit:] if limit > 0 else []
        return [sample for _, sample in last], space.position

    async def changes(
        self, token: int, namespaces: Collection[str], *, model_revision: str
    ) -> Changes:
        await anyio.lowlevel.checkpoint()
        spaces = {name: self._space(name) for name in namespaces}
        return Changes(
            rows=tuple(
                view_row(row, model_revision)
                for space in spaces.values()
                for row in space.rows.values()
                if row.xid >= token
            ),
            samples={
                name: found
                for name, space in spaces.items()
                if (found := [sample for xid, sample in space.samples if xid >= token])
            },
            positions={name: space.position for name, space in spaces.items()},
            generations={name: space.generation for name, space in spaces.items()},
            head=self._log,
            token=self._xid,
            links=tuple(
                entry.row(name)
                for name, space in spaces.items()
                for entry in space.links.values()
                if entry.xid >= token
            ),
        )

    async def payloads(self, namespace: str) -> AsyncIterator[Sequence[tuple[UUID, int, str]]]:
        await anyio.lowlevel.checkpoint()
        live = self._space(namespace).live()
        for start in range(0, len(live), _PAGE):
            page = live[start : start + _PAGE]
            yield [(row.memory.id, row.memory.version, row.payload) for row in page]
            await anyio.lowlevel.checkpoint()

    async def identity(self, namespace: str) -> str:
        await anyio.lowlevel.checkpoint()
        return f"{self._name}/{namespace}/{self._space(namespace).generation}"

    async def caught_up(self, namespace: str, token: int, *, model_revision: str) -> CatchUp:
        await anyio.lowlevel.checkpoint()
        rows = self._space(namespace).rows.values()
        return caught_up(rows, token, self._xid, model_revision)
