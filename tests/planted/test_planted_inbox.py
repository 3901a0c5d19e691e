"""Protections of the inbox and the indexer switched off: shuffled histories catch each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from sfm_core.adapters import inbox_rules, inmemory_inbox
from sfm_core.adapters.inmemory_vectors import InMemoryVectors
from sfm_core.errors import SfmError
from sfm_core.model import Accepted, Arrival, Delete, Upsert
from tests.differential.test_shuffled_events_converge import check_history

SEEDS = 60


async def check_histories() -> None:
    for seed in range(SEEDS):
        await check_history(seed)


async def test_sound_histories_do_not_part() -> None:
    await check_histories()


async def test_without_the_fence_of_versions_histories_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inmemory_inbox, "is_stale", lambda *_: False)
    with pytest.raises(AssertionError):
        await check_histories()


@pytest.mark.parametrize("forgotten", ["known", "erased_at"])
async def test_without_looking_into_the_log_histories_part(
    monkeypatch: pytest.MonkeyPatch, forgotten: str
) -> None:
    sifted = inbox_rules.sifted

    def planted(
        arrivals: Sequence[Arrival], known: frozenset[UUID], erased_at: datetime | None
    ) -> Mapping[int, Accepted]:
        if forgotten == "known":
            return sifted(arrivals, frozenset(), erased_at)
        return sifted(arrivals, known, None)

    monkeypatch.setattr(inmemory_inbox, "sifted", planted)
    with pytest.raises(AssertionError):
        await check_histories()


async def test_an_end_that_leaves_nothing_where_nothing_was_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_of: Callable[..., Upsert | Delete] = inbox_rules.write_of

    def planted(*given: Any) -> Upsert | Delete:
        write = write_of(*given)
        return replace(write, even_if_gone=False) if isinstance(write, Delete) else write

    monkeypatch.setattr(inmemory_inbox, "write_of", planted)
    with pytest.raises((AssertionError, SfmError)):
        await check_histories()


async def test_an_indexer_that_passes_over_erasures_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def forget(self: InMemoryVectors, namespace: str, *, position: int) -> int:
        del self, namespace, position
        return 0

    monkeypatch.setattr(InMemoryVectors, "forget", forget)
    with pytest.raises(AssertionError):
        await check_histories()
