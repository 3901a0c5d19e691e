"""What the use-cases ask of the outside world, with the guarantees they rest on.

Implementations do not inherit from these; the wiring's type check proves that they fit, and
`sfm_core.testing.contracts` proves that they keep the promises.
"""

from sfm_core.ports.archive import Archive
from sfm_core.ports.digests import Digests, VectorMender
from sfm_core.ports.embedding import Embedder
from sfm_core.ports.erasure import Eraser, Projection
from sfm_core.ports.events import EventLog
from sfm_core.ports.feed import Applier, ChangeFeed
from sfm_core.ports.finding import Finder
from sfm_core.ports.graphs import GraphStore
from sfm_core.ports.groups import LogGroups
from sfm_core.ports.inbox import Inbox
from sfm_core.ports.ledger import Ledger
from sfm_core.ports.links import LinkStore
from sfm_core.ports.outbox import Outbox, Unsent
from sfm_core.ports.process import Clock, Committer, Jobs, NoTelemetry, Shown, Telemetry
from sfm_core.ports.records import RecordStore
from sfm_core.ports.shared import Cache, RateLimiter, Rows
from sfm_core.ports.snapshots import LogIdentity, ViewFiles
from sfm_core.ports.upkeep import (
    AccessNotes,
    AccessStore,
    JobLocks,
    NoNotes,
    ReceiptStore,
    UpkeepRows,
)
from sfm_core.ports.vectors import VectorStore, VectorWal
from sfm_core.ports.words import WordSearch

__all__ = [
    "AccessNotes",
    "AccessStore",
    "Applier",
    "Archive",
    "Cache",
    "ChangeFeed",
    "Clock",
    "Committer",
    "Digests",
    "Embedder",
    "Eraser",
    "EventLog",
    "Finder",
    "GraphStore",
    "Inbox",
    "JobLocks",
    "Jobs",
    "Ledger",
    "LinkStore",
    "LogGroups",
    "LogIdentity",
    "NoNotes",
    "NoTelemetry",
    "Outbox",
    "Projection",
    "RateLimiter",
    "ReceiptStore",
    "RecordStore",
    "Rows",
    "Shown",
    "Telemetry",
    "Unsent",
    "UpkeepRows",
    "VectorMender",
    "VectorStore",
    "VectorWal",
    "ViewFiles",
    "WordSearch",
]
