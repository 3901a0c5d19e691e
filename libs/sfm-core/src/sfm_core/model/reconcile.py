"""What reconciling does: its jobs, their effects, and the reports of a run."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from uuid import UUID

from sfm_core.coordinates import Coordinate


class JobName(StrEnum):
    """What the reconciler does again and again."""

    RELAY = "relay"
    """Publishes events that nobody published yet."""
    WAL = "wal"
    """Indexes memories that could not be indexed when they were stored."""
    UPKEEP = "upkeep"
    """Lets expire, prunes and decays."""
    RECEIPTS = "receipts"
    """Forgets idempotency keys."""
    PARITY = "parity"
    """Compares the projections with the record store, and mends them."""


OF_A_NAMESPACE: Final = (JobName.UPKEEP, JobName.WAL, JobName.PARITY)
"""The jobs that can be done in one namespace, in the order in which they are done: each leaves
the next what it did not see to."""


class RepairKind(StrEnum):
    """What is done to a projection so that it is as the record store has it."""

    PUT = "put"
    """The index lacked the memory, or had an older state of it."""
    EMBEDDED = "embedded"
    """The memory had no vector under the model in use; the index has it too now."""
    BURIED = "buried"
    """The memory lives no more: the index has its tombstone."""
    REMOVED = "removed"
    """The record store knows no such memory: the index does neither now."""
    STRUCK = "struck"
    """What was owed is of a memory that the record store does not know: struck off."""
    RELOADED = "reloaded"
    """The view of this process was not as the record store, and is loaded anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """What happens, or would, to one memory, or to a view as a whole."""

    kind: str
    """A `RepairKind`, or, of upkeep, an `EffectKind`."""
    id: UUID | None = None
    """Of the memory; None: a whole view."""
    coordinate: Coordinate | None = None
    """Only of upkeep, as the next two."""
    version: int | None = None
    """The version it happens to: restore it to undo."""
    removed: tuple[str, ...] = ()
    """The payload's keys that go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReport:
    """What one job did in a namespace, or would have done."""

    job: JobName
    effects: tuple[Repair, ...] = ()
    complete: bool = True
    """False: there is more than one run does; run again."""
    over_limit: int = 0
    """Of upkeep: as `UpkeepReport.over_limit`."""
    waited_s: float = field(default=0.0, compare=False)
    """What it only waited, so that writes in hand could end."""

    @property
    def counts(self) -> Mapping[str, int]:
        """How many effects there are of each kind."""
        return Counter(effect.kind for effect in self.effects)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileReport:
    """What one run did, or a dry run would have done, job by job in their order."""

    dry_run: bool
    jobs: tuple[JobReport, ...]

    @property
    def complete(self) -> bool:
        return all(job.complete for job in self.jobs)
