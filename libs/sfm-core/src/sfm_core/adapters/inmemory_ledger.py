"""The Ledger in memory, over what an `InMemoryStore` keeps."""

from collections.abc import Collection, Sequence
from uuid import UUID

import anyio.lowlevel

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_rows import Row
from sfm_core.digesting import digest_of, point_share, version_share
from sfm_core.model import LedgerRow, LedgerSum


class InMemoryLedger:
    """Implements `Ledger` for tests and trials."""

    def __init__(self, store: InMemoryStore) -> None:
        self._store = store

    async def spaces(self) -> Sequence[str]:
        await anyio.lowlevel.checkpoint()
        return self._store.spaces()

    async def changed(self, token: int) -> Collection[str]:
        await anyio.lowlevel.checkpoint()
        return {
            name
            for name in self._store.spaces()
            if self._store.peek(name).erased_xid >= token
            or any(row.xid >= token for row in self._store.rows(name))
        }

    async def sums(self, namespace: str, *, model_revision: str) -> LedgerSum:
        await anyio.lowlevel.checkpoint()
        live = self._store.peek(namespace).live()
        with_vector = [row.memory for row in live if _is_embedded(row, model_revision)]
        return LedgerSum(
            points=digest_of(point_share(row.memory.id.bytes, row.memory.position) for row in live),
            versions=digest_of(version_share(one.id.bytes, one.version) for one in with_vector),
            unembedded=len(live) - len(with_vector),
        )

    async def rows(
        self, namespace: str, *, model_revision: str, after: UUID | None, limit: int
    ) -> Sequence[LedgerRow]:
        await anyio.lowlevel.checkpoint()
        behind = [r for r in self._store.rows(namespace) if after is None or r.memory.id > after]
        return [
            LedgerRow(
                id=row.memory.id,
                position=row.memory.position,
                deleted=not row.live,
                embedded=row.live and _is_embedded(row, model_revision),
            )
            for row in sorted(behind, key=lambda row: row.memory.id)[:limit]
        ]


def _is_embedded(row: Row, model_revision: str) -> bool:
    return row.revision == model_revision and row.vector is not None
