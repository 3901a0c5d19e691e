"""A recall view as plain data: what a file of it holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from sfm_core.model.views import ViewRow


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SavedView:
    """One namespace's view at one moment, dead rows included."""

    arrays: Mapping[str, npt.NDArray[Any]]
    texts: Mapping[str, Sequence[Any]]
    """Lists of strings, or of lists of strings."""
    token: int
    """Of the change feed: what the view has not seen, `changes(token)` gives."""
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """Of the live memories of a namespace; equal ones have the same memories and versions."""

    count: int
    total: int
    """The sum, modulo 2**64, of `fingerprint_of` over the memories."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatchUp:
    """What a view that was put aside has missed, and what it then must hold: one snapshot."""

    rows: tuple[ViewRow, ...]
    """Tombstones too; may repeat what is known."""
    token: int
    fingerprint: Fingerprint


def fingerprint_of(memory: int, version: int, updated_us: int) -> int:
    """One memory's share: `memory` is the number that the first 4 bytes of its id are."""
    return memory * (version % 65536 + 1) + updated_us
