"""The values that cross boundaries: frozen, slotted, keyword-only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import numpy as np
import numpy.typing as npt

from sfm_core.coordinates import Coordinate
from sfm_core.errors import Fault, SfmError
from sfm_core.filters import Filter

type F32 = npt.NDArray[np.float32]
type F64 = npt.NDArray[np.float64]
type I32 = npt.NDArray[np.int32]
type I64 = npt.NDArray[np.int64]
type Mask = npt.NDArray[np.bool_]
type Json = bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None
type JsonObject = Mapping[str, Json]

DEFAULT_IMPORTANCE: Final = 1.0


class Kind(StrEnum):
    EPISODIC = "episodic"
    """Something that happened."""
    SEMANTIC = "semantic"
    """Something that is so."""


class EventType(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"
    RESTORED = "restored"
    LINKED = "linked"
    UNLINKED = "unlinked"
    DECAYED = "decayed"
    EXPIRED = "expired"
    ERASED = "erased"


class Mode(StrEnum):
    HYBRID = "hybrid"
    VECTOR = "vector"
    KEYWORD = "keyword"


class Leg(StrEnum):
    """A way to find candidates; also the names in `degraded` (with `slab`)."""

    VECTOR = "vector"
    KEYWORD = "keyword"
    GRAPH = "graph"
    RECENCY = "recency"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryDraft:
    """What a caller may say of a memory, already validated by `sfm_core.decode`."""

    payload: JsonObject
    kind: Kind = Kind.EPISODIC
    text: str | None = None
    """None: derived from the payload (`sfm_core.text.effective_text`)."""
    importance: float = DEFAULT_IMPORTANCE
    tags: tuple[str, ...] = ()
    session: str | None = None
    source: str | None = None
    occurred_at: datetime | None = None
    """Timezone-aware; None: not said, then the time of storing counts for order and filters,
    but is not indexed as words."""
    expires_at: datetime | None = None
    pinned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """A stored memory: the canonical row."""

    namespace: str
    coordinate: Coordinate
    id: UUID
    version: int
    position: int
    """Log position of the event that made this version."""
    draft: MemoryDraft
    text: str
    """What is searched: the given text, else derived from the payload."""
    created_at: datetime
    """Time of the first version since it last came into being (UTC)."""
    updated_at: datetime

    @property
    def happened_at(self) -> datetime:
        """`occurred_at` when the caller said it, else `created_at`."""
        return self.draft.occurred_at or self.created_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Precondition:
    """What must hold of the stored memory for a write to happen; checked under its row lock."""

    version: int | None = None
    """`If-Match`: the live memory has exactly this version."""
    absent: bool = False
    """`If-None-Match: *`: no live memory is there."""
    alone_but_at: frozenset[Coordinate] | None = None
    """No live memory with the same content key is anywhere else, but at these coordinates; of
    writes at once that ask for it, one is the first. None: not asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upsert:
    coordinate: Coordinate
    draft: MemoryDraft
    text: str
    vector: F32
    """Shape (dim,), L2 norm 1."""
    model_revision: str
    content_key: int
    """Hash of kind, payload and occurred_at (`sfm_core.remember.content_key`), below 2**48."""
    precondition: Precondition | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    coordinate: Coordinate
    precondition: Precondition | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """Change nothing; the outcome tells what lives there, so that a receipt can stand for it."""

    coordinate: Coordinate
    precondition: Precondition | None = None


type Write = Upsert | Delete | Keep


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One write that took effect (or, for `changed=False`, found nothing left to do)."""

    coordinate: Coordinate
    id: UUID
    version: int
    position: int
    event_id: UUID
    type: EventType
    at: datetime
    """Time of the transaction: `updated_at` of the row."""
    created_at: datetime
    changed: bool = True
    """False: an idempotent delete of what was already deleted, or a `Keep`."""
    replayed: bool = False
    """Set by the use-cases: a receipt's first outcome, nothing was written now."""

    @property
    def created(self) -> bool:
        return self.type is EventType.CREATED


type WriteOutcome = Written | SfmError
"""`PreconditionFailed` or `NotFound` (delete of what was never stored), per write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """An idempotency key with the fingerprint of the request that brought it."""

    key: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    outcomes: tuple[WriteOutcome, ...]
    """In the order of the writes."""
    replayed: bool = False
    """True: nothing was written now; the outcomes are those of the first time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The answer to a store or remember."""

    coordinate: Coordinate
    id: UUID
    version: int
    position: int
    event_id: UUID
    created: bool
    deduplicated: bool = False
    replayed: bool = False
    indexed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStored:
    """The answer to a batch: one result or error per item, in order."""

    results: tuple[Stored | SfmError, ...]
    position: int
    """The highest position written, 0 when nothing was."""
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreItem:
    """One item of a batch: a decoded draft, or the faults its decoding found."""

    coordinate: Coordinate | None = None
    draft: MemoryDraft | None = None
    faults: tuple[Fault, ...] = ()


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
    explain: bool = False
    include_payload: bool = True
    include_text: bool = False


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
class Hit:
    memory: Memory
    score: float
    importance_norm: float
    explanation: Explanation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallResult:
    hits: tuple[Hit, ...]
    position: int
    """Log position the answer is of: every event up to it was seen."""
    took_ms: float
    degraded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """Live memories by (created_at, id), oldest first."""

    kind: Kind | None = None
    tag: str | None = None
    filter: Filter | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 100
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    memories: tuple[Memory, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreStats:
    """Counts of the canonical rows of one namespace."""

    total: int = 0
    episodic: int = 0
    semantic: int = 0
    deleted: int = 0
    links: int = 0
    vectors: int = 0
    pending_index: int = 0
    wal: int = 0
    position: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewRow:
    """What a recall view needs of one memory; `deleted` rows carry only identity and version."""

    namespace: str
    id: UUID
    coordinate: Coordinate
    version: int
    position: int
    deleted: bool = False
    kind: Kind = Kind.EPISODIC
    payload: str = "{}"
    """The payload as JSON text."""
    text: str = ""
    source: str | None = None
    session: str | None = None
    tags: tuple[str, ...] = ()
    importance: float = DEFAULT_IMPORTANCE
    occurred_at: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    expires_at: datetime | None = None
    pinned: bool = False
    vector: F32 | None = None
    """None: not embedded yet under the asked model revision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One importance that entered the log."""

    position: int
    importance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What changed in some namespaces since a token; rows may repeat what is known already."""

    rows: tuple[ViewRow, ...]
    samples: Mapping[str, Sequence[Sample]]
    """Importances of events, by namespace, for the adaptive normaliser; may repeat."""
    positions: Mapping[str, int]
    """Highest position per namespace that this snapshot saw."""
    token: int
    """Give this to the next call."""
    head: int
    """Highest position that the whole log, all namespaces, had given out by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedderInfo:
    name: str
    """`onnx:<model>` or `hash`."""
    model_revision: str
    dim: int
    floor: float
    """Cosine that unrelated texts have under this model."""
    semantic: bool
    """False for the hash embedder: it matches words and characters, not meaning."""
    extra: Mapping[str, str] = field(default_factory=dict)
