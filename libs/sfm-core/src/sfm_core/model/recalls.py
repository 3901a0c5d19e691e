"""Questions, and their explained answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sfm_core.coordinates import Coordinate
from sfm_core.filters import Filter
from sfm_core.model.links import Neighbor
from sfm_core.model.memories import Kind, Memory


class Mode(StrEnum):
    HYBRID = "hybrid"
    VECTOR = "vector"
    KEYWORD = "keyword"


class Leg(StrEnum):
    """A way to find candidates; also the names in `degraded` (with `slab`, `changing`)."""

    VECTOR = "vector"
    KEYWORD = "keyword"
    GRAPH = "graph"
    RECENCY = "recency"


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Inclusive coordinate box; only memories with as many axes are inside."""

    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Weights of the hybrid score; normalised to sum to 1 before use. Each finite and >= 0."""

    vector: float
    keyword: float
    context: float
    recency: float
    graph: float = 0.0
    """Beside the others, which sum to 1 without it; counts only where `graph_hops` are asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallQuery:
    query: str
    top_k: int = 5
    mode: Mode = Mode.HYBRID
    kind: Kind | None = None
    filter: Filter | None = None
    since: datetime | None = None
    """Inclusive bound on `happened_at`."""
    until: datetime | None = None
    """Exclusive bound on `happened_at`."""
    box: Box | None = None
    min_score: float | None = None
    min_similarity: float | None = None
    min_position: int | None = None
    now: datetime | None = None
    """Time that recency and expiry are reckoned from; None: the clock's."""
    weights: Weights | None = None
    graph_hops: int = 0
    """How far relevance spreads along links; 0: not at all."""
    explain: bool = False
    context: tuple[str, ...] = ()
    """What the question stands in: recent turns, oldest first."""
    explain_for: tuple[Coordinate, ...] = ()
    """Places whose rank, or absence, the answer explains."""
    include_payload: bool = True
    include_text: bool = False
    include_snippet: bool = False
    include_links: bool = False
    budget_tokens: int | None = None
    """What the included parts of all hits may come to, in estimated tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a hit has its score: `sum(parts.values()) == score`, exactly, in this order."""

    parts: Mapping[str, float]
    """Contribution of each leg, importance factor and weight included."""
    values: Mapping[str, float]
    """Each leg's scaled score in [0, 1], before weight and factor."""
    weights: Mapping[str, float]
    """The normalised weights in use."""
    factor: float
    """`1 - beta + beta * importance_norm`."""
    importance_norm: float
    importance_method: str
    cosine: float | None
    """Raw cosine in [-1, 1]; None when the vector leg did not take part."""
    bm25: float | None
    config: str
    """Hash of the configuration: weights, constants, model revision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """The passage of a memory's text that matches a question best: `text[start:start + len]`."""

    text: str
    start: int
    """Where it begins in the memory's text, in code points."""
    marks: tuple[tuple[int, int], ...]
    """Matching words as (start, end) within the snippet, ascending, apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    memory: Memory
    score: float
    importance_norm: float
    explanation: Explanation | None = None
    snippet: Snippet | None = None
    links: tuple[Neighbor, ...] | None = None
    """Its strongest links; None when they were not asked for."""
    tokens: int | None = None
    """Estimate for its included parts; None when no budget was asked."""


class Absence(StrEnum):
    """A reason for which a memory is no hit."""

    UNKNOWN = "unknown"
    """Nothing is stored there as far as this answer sees, or it was deleted."""
    EXPIRED = "expired"
    KIND = "kind"
    SINCE = "since"
    UNTIL = "until"
    BOX = "box"
    FILTER = "filter"
    NOT_EMBEDDED = "not_embedded"
    """It has no vector yet: its cosine counts as none."""
    MIN_SIMILARITY = "min_similarity"
    UNRELATED = "unrelated"
    """Its score is 0: no leg connects it with the question."""
    MIN_SCORE = "min_score"
    OUTRANKED = "outranked"
    BUDGET = "budget"
    """It did not fit into what `budget_tokens` left."""
    CHANGING = "changing"
    """It was changed each time between its ranking and its reading."""
    SLAB = "slab"
    """There is no view in memory, and the store did not find it by the words of the question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """What became of one memory in a recall."""

    coordinate: Coordinate
    rank: int | None = None
    """From 1, among all that may be found; None where it may not."""
    score: float | None = None
    explanation: Explanation | None = None
    absent_for: tuple[Absence, ...] = ()
    """Why it is no hit; empty for a hit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    limit: int
    used: int
    left_out: tuple[UUID, ...] = ()
    """Those of the `top_k` that did not fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallResult:
    hits: tuple[Hit, ...]
    position: int
    """Log position the answer is of: every event up to it was seen."""
    took_ms: float
    degraded: tuple[str, ...] = ()
    placed: tuple[Placed, ...] = ()
    """One for each of `explain_for`, in its order."""
    budget: Budget | None = None
