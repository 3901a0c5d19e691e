"""The load generator's own arithmetic: nothing a slow server does may be hidden."""

import anyio
import httpx
import pytest

from benchmarks.service import Load, _open_loop, _quantile


def test_a_quantile_is_a_value_that_occurred() -> None:
    values = [float(n) for n in range(1, 101)]
    assert [_quantile(values, q) for q in (0.5, 0.95, 0.99, 1.0)] == [50.0, 95.0, 99.0, 100.0]
    assert _quantile([7.0], 0.99) == 7.0
    assert _quantile([], 0.5) == 0.0


def test_a_row_counts_failures_apart() -> None:
    row = Load(10, sent=3, failed=1, latencies_s=[0.002, 0.001]).row(2.0)
    assert (row["failed"], row["answered_per_s"], row["max_ms"]) == (1, 1.0, 2.0)


async def test_requests_start_on_time_while_others_are_stuck() -> None:
    started = 0
    release = anyio.Event()

    async def call(number: int) -> httpx.Response:
        nonlocal started
        started += 1
        if started == 10:
            release.set()
        await release.wait()
        return httpx.Response(500 if number == 0 else 200)

    with anyio.fail_after(5):
        row = await _open_loop(call, 100, 0.1)

    assert row["failed"] == 1
    assert row["answered_per_s"] > 0
    assert row["max_ms"] == pytest.approx(80.0, abs=75.0)
