"""The only place where what callers send is judged: decoded JSON in, model values out.

Every door (REST, gRPC, CLI, Python, Kafka) calls these, so each gives the same verdict. All
faults of a request come in one `InvalidInput`, each with its path. Nothing here does I/O.
"""

from sfm_core.decode.conditions import asked_version, idempotency_key, wait
from sfm_core.decode.events import EventQuery, RebuildQuery, event_query, rebuild
from sfm_core.decode.finds import keyword_query, range_query
from sfm_core.decode.instants import instant
from sfm_core.decode.lifecycle import (
    history_query,
    memory_patch,
    restored_version,
    selection,
    version_asked,
)
from sfm_core.decode.links import link, link_key, links_asked, neighbor_query, path_query
from sfm_core.decode.listings import list_query
from sfm_core.decode.memories import batch, coordinate_list, memory_draft, memory_with_coordinate
from sfm_core.decode.recalls import recall_batch, recall_query
from sfm_core.decode.reconcile import ReconcileQuery, reconcile_run
from sfm_core.decode.transfers import export_query, import_mode, transfer_line
from sfm_core.decode.upkeep import upkeep_run

__all__ = [
    "EventQuery",
    "RebuildQuery",
    "ReconcileQuery",
    "asked_version",
    "batch",
    "coordinate_list",
    "event_query",
    "export_query",
    "history_query",
    "idempotency_key",
    "import_mode",
    "instant",
    "keyword_query",
    "link",
    "link_key",
    "links_asked",
    "list_query",
    "memory_draft",
    "memory_patch",
    "memory_with_coordinate",
    "neighbor_query",
    "path_query",
    "range_query",
    "rebuild",
    "recall_batch",
    "recall_query",
    "reconcile_run",
    "restored_version",
    "selection",
    "transfer_line",
    "upkeep_run",
    "version_asked",
    "wait",
]
