"""Points of a vector index, questions to it, and what is owed to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sfm_core.filters import Filter
from sfm_core.model.memories import Kind
from sfm_core.model.values import F32, Json


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VectorPoint:
    """One memory as the index holds it; a tombstone has no vector and no facts."""

    id: UUID
    version: int
    position: int
    """The fence: the higher one stays."""
    generation: int
    kind: Kind = Kind.EPISODIC
    deleted: bool = False
    vector: F32 | None = None
    """Shape (dim,), L2 norm 1."""
    model_revision: str = ""
    facts: Mapping[str, Json] = field(default_factory=dict)
    """What filters ask beside the kind; JSON-ready."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VectorQuery:
    vector: F32
    """Shape (dim,), L2 norm 1."""
    model_revision: str
    limit: int
    kind: Kind | None = None
    filter: Filter | None = None
    now: datetime | None = None
    """What has expired by then is left out; None: nothing has."""
    patience_s: float | None = None
    """What who asks would wait for an answer, at most; None: as long as the store allows."""


@dataclass(frozen=True, slots=True)
class VectorHit:
    id: UUID
    position: int
    score: float
    """Cosine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    namespace: str
    memory_id: UUID
    version: int
    reason: str
    attempts: int
    since: datetime
