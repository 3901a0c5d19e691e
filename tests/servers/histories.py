"""Random histories of one namespace through the facade."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from sfm_core.errors import NotFound, PreconditionFailed
from sfm_core.model import JsonObject
from sfm_core.runtime.core_settings import CoreSettings
from sfm_core.runtime.secret import Secret
from sfm_core.system import MemorySystem
from sfm_core.testing.fakes import ManualClock

START = datetime(2026, 5, 1, tzinfo=UTC)
type Step = tuple[str, int, int]

KINDS = (
    *("store", "store", "expiring", "patch", "delete", "restore"),
    *("link", "link", "unlink", "decay", "later"),
)
STEPS = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(1, 4), st.integers(1, 4)),
    min_size=1,
    max_size=25,
)


def settings_of(postgres_url: str) -> CoreSettings:
    return replace(
        CoreSettings(postgres_url=Secret(postgres_url), embedder="hash"),
        decay_thresholds_seconds=(3600.0, 86400.0),
        decay_keys_by_level=(("raw",), ("detail",)),
        max_memory_size=3,
    )


async def live_through(memory: MemorySystem, clock: ManualClock, history: Sequence[Step]) -> None:
    """Do all of it; what cannot be done to what is there is left out."""
    for number, step in enumerate(history):
        with suppress(NotFound, PreconditionFailed):
            await _do(memory, clock, step, number)


async def _do(memory: MemorySystem, clock: ManualClock, step: Step, number: int) -> None:
    what, one, other = step
    if what in ("link", "unlink"):
        await _do_link(memory, step, number)
        return
    payload: JsonObject = {"said": f"green tea {number}", "raw": "r", "detail": [1.0, {"é": None}]}
    match what:
        case "store":
            await memory.store((one,), payload, importance=number / 3, tags=["t"] * (other % 2))
        case "expiring":
            await memory.store((one,), payload, expires_at=clock.now() + timedelta(hours=other))
        case "patch":
            await memory.patch((one,), payload={"raw": None, "more": number}, pinned=other == 1)
        case "delete":
            await memory.delete((one,))
        case "restore":
            await memory.restore((one,), other)
        case "decay":
            await memory.decay()
        case _:
            clock.advance(timedelta(hours=other * 10))


async def _do_link(memory: MemorySystem, step: Step, number: int) -> None:
    what, one, other = step
    kind = f"t{number % 2}"
    if one != other and what == "link":
        await memory.link((one,), (other,), type=kind, weight=number + 0.1)
    elif one != other:
        await memory.unlink((one,), (other,), type=kind)
