"""What of the stored memories is compared with their projections."""

from dataclasses import dataclass
from uuid import UUID

from sfm_core.model.digests import Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerSum:
    """Of the live memories of a namespace."""

    points: Digest
    """Which, at which positions (`digesting.point_share`): as `VectorStore.digest`."""
    versions: Digest
    """Of those with a vector: which, at which versions (`digesting.version_share`)."""
    unembedded: int
    """How many have no vector of their version under the model revision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One memory or tombstone."""

    id: UUID
    position: int
    deleted: bool
    embedded: bool
    """It lives and has a vector of its version under the model revision."""
