"""Blocks that are timed."""

import pytest

from sfm_core.errors import NotFound, Unavailable
from sfm_core.testing.fakes import RecordingTelemetry
from sfm_core.timing import timed


def test_blocks_are_timed_with_their_outcome() -> None:
    telemetry = RecordingTelemetry()

    def run(error: Exception | None) -> None:
        with timed(telemetry, "store_duration_seconds"):
            if error is not None:
                raise error

    run(None)
    for error in (NotFound("x"), Unavailable("x"), KeyError("x")):
        with pytest.raises(type(error)):
            run(error)
    outcomes = [labels["outcome"] for _, _, labels in telemetry.observed]
    assert outcomes == ["ok", "not-found", "unavailable", "crash"]
    assert all(0 <= value < 5 for _, value, _ in telemetry.observed)
