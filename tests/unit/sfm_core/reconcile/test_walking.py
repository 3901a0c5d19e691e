"""Both sides side by side, whatever the pages: against the obvious way."""

from uuid import UUID

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfm_core.adapters.inmemory_vectors import InMemoryVectors
from sfm_core.model import LedgerRow, VectorPoint
from sfm_core.ports import Ledger
from sfm_core.reconcile import walking
from sfm_core.reconcile.verdicts import Held
from sfm_core.reconcile.walking import Pair, Walk

NS = "a"
IDS = st.sets(st.integers(0, 30))


class Rows:
    """As much of a `Ledger` as a walk asks."""

    def __init__(self, ids: set[int]) -> None:
        self._ids = sorted(ids)

    async def rows(
        self, namespace: str, *, model_revision: str, after: UUID | None, limit: int
    ) -> list[LedgerRow]:
        await anyio.lowlevel.checkpoint()
        behind = [n for n in self._ids if after is None or n > after.int]
        return [row(n) for n in behind[:limit]]


def row(number: int) -> LedgerRow:
    return LedgerRow(id=UUID(int=number), position=number + 1, deleted=False, embedded=True)


async def walked(indexed: set[int], stored: set[int]) -> tuple[list[Pair], list[Pair]]:
    """All at once, and one by one."""
    index, ledger = InMemoryVectors(), Rows(stored)
    points = [
        VectorPoint(id=UUID(int=n), version=1, position=n + 1, generation=1, deleted=n % 3 == 0)
        for n in indexed
    ]
    await index.put(NS, points)
    walk = Walk(ledger=_as_ledger(ledger), vectors=index, namespace=NS, model_revision="r")
    return (
        [pair async for pair in walk.pairs()],
        [await walk.pair(UUID(int=n)) for n in sorted(indexed | stored)],
    )


def _as_ledger(rows: object) -> Ledger:
    return rows  # type: ignore[return-value]  # what else there is of it is not asked


@pytest.mark.parametrize("page", [1, 2, 3, 100])
def test_every_memory_comes_once_in_order_with_what_both_sides_have(
    page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walking, "PAGE", page)

    @given(indexed=IDS, stored=IDS)
    def check(indexed: set[int], stored: set[int]) -> None:
        expected: list[Pair] = [
            (
                UUID(int=n),
                Held(n + 1, n % 3 == 0) if n in indexed else None,
                row(n) if n in stored else None,
            )
            for n in sorted(indexed | stored)
        ]
        assert anyio.run(walked, indexed, stored) == (expected, expected)

    check()
