"""What was loaded is set aside from the collector, and still goes when nobody needs it."""

import gc
import subprocess
import sys
import weakref
from datetime import UTC, datetime

import numpy as np
import pytest

from sfm_core.coordinates import Coordinate, memory_id
from sfm_core.factory import open_runtime
from sfm_core.lexical.analysis import Analyzer
from sfm_core.model import Sample, ViewRow
from sfm_core.recall.view import View
from tests.unit.sfm_api.twin_runtime import TWINS

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def test_what_is_set_aside_is_not_looked_at_again() -> None:
    code = (
        "import gc; from sfm_core.runtime.garbage import set_aside\n"
        "kept = [[n] for n in range(1000)]; before = len(gc.get_objects())\n"
        "set_aside(); after = len(gc.get_objects())\n"
        "assert gc.get_freeze_count() > 1000, gc.get_freeze_count()\n"
        "assert before > 1000 and after < 100, (before, after)\n"
        "loop = []; loop.append(loop); del loop; assert gc.collect() == 1\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_view_goes_without_the_collector() -> None:
    view = View("a", dim=4, analyzer=Analyzer("english"))
    row = ViewRow(
        namespace="a",
        id=memory_id("a", Coordinate("1")),
        coordinate=Coordinate("1"),
        version=1,
        position=1,
        payload='{"a":"tea"}',
        text="tea at four",
        session="s",
        created_at=NOW,
        updated_at=NOW,
        vector=np.array([1, 0, 0, 0], dtype=np.float32),
    )
    gc.collect()
    gc.disable()
    try:
        view.apply([row], [Sample(position=1, importance=1.0)])
        view.snapshot()
        gone = weakref.ref(view)
        del view
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("warm_up", [True, False])
async def test_the_end_of_the_warm_up_is_told(warm_up: bool) -> None:
    told: list[bool] = []

    def warmed() -> None:
        told.append(True)

    async with open_runtime(TWINS, warm_up=warm_up, warmed=warmed) as runtime:
        for _ in range(50):
            await runtime.records.ping()
    assert told == ([True] if warm_up else [])
