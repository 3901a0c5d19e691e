"""Upkeep that runs by itself."""

from collections.abc import Awaitable, Callable
from typing import cast

import anyio
import pytest

from sfm_core.errors import Unavailable
from sfm_core.upkeep.schedule import every
from sfm_core.upkeep.use_case import Upkeep


class Ticking:
    """An `Upkeep` that counts its runs; the second one fails."""

    def __init__(self, enough: Callable[[], Awaitable[None]]) -> None:
        self.runs = 0
        self._enough = enough

    async def run_all(self) -> None:
        self.runs += 1
        if self.runs == 2:
            raise Unavailable("the store does not answer")
        if self.runs == 4:
            await self._enough()


async def test_it_comes_round_again_also_after_a_run_that_failed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with anyio.fail_after(20), anyio.CancelScope() as scope:

        async def enough() -> None:
            scope.cancel()
            await anyio.lowlevel.checkpoint()

        ticking = Ticking(enough)
        await every(cast("Upkeep", ticking), 0.001)
    assert ticking.runs == 4
    assert [record.message for record in caplog.records] == ["upkeep.failed"]
