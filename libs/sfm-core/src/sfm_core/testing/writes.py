"""Writes for tests, with everything that does not matter filled in."""

from typing import Any, Final

import numpy as np

from sfm_core.coordinates import Coordinate
from sfm_core.model import (
    F32,
    Applied,
    JsonObject,
    MemoryDraft,
    Precondition,
    Stamp,
    Upsert,
    Written,
)
from sfm_core.text import effective_text

REVISION: Final = "test-revision"


def at(text: str) -> Coordinate:
    """The coordinate with this text."""
    return Coordinate.parse(text)


def a_vector(seed: float = 1.0, *, dim: int = 4) -> F32:
    """A unit vector that is another one for another seed."""
    vector = np.cos(np.arange(dim) * (seed + 0.5)).astype(np.float32)
    unit: F32 = vector / np.float32(np.linalg.norm(vector))
    return unit


def an_upsert(
    coordinate: str,
    *,
    payload: JsonObject | None = None,
    content_key: int = 1,
    precondition: Precondition | None = None,
    vector: F32 | None = None,
    model_revision: str = REVISION,
    stamp: Stamp | None = None,
    **draft: Any,  # noqa: ANN401 - whatever `MemoryDraft` takes
) -> Upsert:
    """An upsert at a coordinate; other keywords are those of `MemoryDraft`."""
    said = MemoryDraft(payload={"a": coordinate} if payload is None else payload, **draft)
    return Upsert(
        coordinate=at(coordinate),
        draft=said,
        text=effective_text(said),
        vector=a_vector() if vector is None else vector,
        model_revision=model_revision,
        content_key=content_key,
        precondition=precondition,
        stamp=stamp,
    )


def written(applied: Applied) -> Written:
    """The outcome of the only write, which took effect."""
    [outcome] = applied.outcomes
    assert isinstance(outcome, Written), outcome
    return outcome
