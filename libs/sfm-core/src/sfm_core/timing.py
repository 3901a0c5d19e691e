"""How long a use-case took, and how it ended, as one observation."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Final

from sfm_core.errors import SfmError
from sfm_core.ports import Telemetry

OK: Final = "ok"
CRASH: Final = "crash"


@contextmanager
def timed(telemetry: Telemetry, name: str, **labels: str) -> Iterator[None]:
    """Observe the seconds the block took, with `outcome` `ok`, an `ErrorKind`, or `crash`."""
    start, outcome = perf_counter(), CRASH
    try:
        yield
        outcome = OK
    except SfmError as error:
        outcome = error.kind.value
        raise
    finally:
        telemetry.observe(name, perf_counter() - start, **labels, outcome=outcome)
