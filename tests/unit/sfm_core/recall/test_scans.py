"""Recalls that wait for a scan are counted, over all views and doors."""

import anyio
import pytest

from sfm_core.errors import Unavailable
from sfm_core.ports import NoTelemetry
from sfm_core.recall import scans
from sfm_core.recall.scans import Scans


class Stuck:
    """An entry whose snapshot is had when it is let."""

    def __init__(self) -> None:
        self.let = anyio.Event()

    async def snapshot(self) -> object:
        await self.let.wait()
        raise Unavailable("as good as an answer")


async def test_one_query_more_than_may_wait_is_refused_and_places_come_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scans, "MAX_WAITING", 3)
    entry, other = Stuck(), Stuck()
    refused: list[Unavailable] = []
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            waves = Scans(tasks, threads=1, telemetry=NoTelemetry())

            async def ask(where: Stuck, queries: int) -> None:
                try:
                    await waves.rank(where, [None] * queries)  # type: ignore[arg-type, list-item]
                except Unavailable as error:
                    refused.append(error)

            leaving = anyio.CancelScope()

            async def leave() -> None:
                with leaving:
                    await ask(entry, 1)

            tasks.start_soon(ask, entry, 2)
            tasks.start_soon(leave)
            await anyio.wait_all_tasks_blocked()
            assert not refused
            await ask(other, 1)
            assert [error.detail for error in refused] == [
                "too many recalls are waiting; try again"
            ]
            leaving.cancel()
            await anyio.wait_all_tasks_blocked()
            other.let.set()
            await ask(other, 1)
            entry.let.set()
    assert [error.detail for error in refused[1:]] == ["as good as an answer"] * 2
