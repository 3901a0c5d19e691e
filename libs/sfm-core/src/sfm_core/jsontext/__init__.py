"""JSON from people we do not know: bounded before it is built, exact in what it refuses.

Everything here is linear in the size of the input, but a large body still takes tens of
milliseconds: above `THREAD_BYTES` call `loads` on a worker thread, not on the event loop. Large
bodies are read in pieces, as parsers keep the interpreter from all threads while they work.
"""

from sfm_core.jsontext.reading import THREAD_BYTES, loads, loads_under
from sfm_core.jsontext.values import (
    BATCH,
    INT64_MAX,
    INT64_MIN,
    MAX_FAULTS,
    ONE,
    Limits,
    faults_in,
    pointer,
)
from sfm_core.jsontext.writing import canonical, canonical_pieces, dumps

__all__ = [
    "BATCH",
    "INT64_MAX",
    "INT64_MIN",
    "MAX_FAULTS",
    "ONE",
    "THREAD_BYTES",
    "Limits",
    "canonical",
    "canonical_pieces",
    "dumps",
    "faults_in",
    "loads",
    "loads_under",
    "pointer",
]
