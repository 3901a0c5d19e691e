"""What is asked of the store, and what became of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sfm_core.coordinates import Coordinate
from sfm_core.errors import Fault, SfmError
from sfm_core.generations import FIRST
from sfm_core.model.memories import MemoryDraft
from sfm_core.model.values import F32
from sfm_core.model.views import LinkRow


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


class Wait(StrEnum):
    """What the answer to a write waits for."""

    INDEXED = "indexed"
    """Until the vector index has it too, where there is one."""
    DURABLE = "durable"
    """Only until it is stored for good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Precondition:
    """What must hold of the stored memory for a write to happen; checked under its row lock."""

    version: int | None = None
    """`If-Match`: the live memory has exactly this version."""
    absent: bool = False
    """`If-None-Match: *`: no live memory is there."""
    ended: int | None = None
    """No live memory is there, and the last one ended with this version; 0: none ever was."""
    alone_but_at: frozenset[Coordinate] | None = None
    """No live memory with the same content key is anywhere else, but at these coordinates; of
    writes at once that ask for it, one is the first. None: not asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What a write says of the version it makes, in place of what the store would say."""

    event: EventType | None = None
    """What the change is called in the log; None: `created`, `updated` or `deleted`."""
    created_at: datetime | None = None
    """When the memory came into being; None: as for any write."""
    updated_at: datetime | None = None
    """When this version did; also the time of its event. None: now."""
    version: int | None = None
    """The version, when it is above what would come next; None, or a lower one: the next."""
    event_id: UUID | None = None
    """What the event is known by, when another log named it; None: as for any write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upsert:
    coordinate: Coordinate
    draft: MemoryDraft
    text: str
    vector: F32 | None
    """Shape (dim,), L2 norm 1. None: it is not embedded yet; found by its words until a vector
    of this version is put (`VectorMender.put_vectors`)."""
    model_revision: str | None
    """Of the vector; None exactly when there is none."""
    content_key: int
    """Hash of kind, payload and occurred_at (`sfm_core.remember.content_key`), below 2**48."""
    precondition: Precondition | None = None
    stamp: Stamp | None = None

    @property
    def says_importance(self) -> bool:
        """Whether its event tells the normaliser its importance: decay says nothing anew."""
        return self.stamp is None or self.stamp.event is not EventType.DECAYED


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    coordinate: Coordinate
    precondition: Precondition | None = None
    stamp: Stamp | None = None
    """Its event may be `expired`; `created_at` means nothing here."""
    even_if_gone: bool = False
    """Where nothing lives, or ever did: leave a tombstone of the next version all the same."""


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
    indexed: bool = True
    """Set by the use-cases: False: the vector index does not have it yet."""

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
    generation: int = FIRST
    """Of the namespace, at the commit."""
    unlinked: tuple[LinkRow, ...] = ()
    """Links that went with an end that was deleted, or that began a new life: of many thousands
    not all, and the change feed tells the rest."""
    pending: frozenset[UUID] = frozenset()
    """Memories that the vector index, where there is one, does not have as they are now."""


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
    """False: the vector index does not have it yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStored:
    """The answer to a batch: one result or error per item, in order."""

    results: tuple[Stored | SfmError, ...]
    position: int
    """The highest position written, 0 when nothing was."""
    replayed: bool = False

    @property
    def indexed(self) -> bool:
        """False: the vector index does not have some of it yet."""
        return all(one.indexed for one in self.results if isinstance(one, Stored))


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreItem:
    """One item of a batch: a decoded draft, or the faults its decoding found."""

    coordinate: Coordinate | None = None
    draft: MemoryDraft | None = None
    faults: tuple[Fault, ...] = ()
