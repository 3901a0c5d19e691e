"""Counts of the store and reports of upkeep."""

from sfm_core.encode.values import Document
from sfm_core.model import StoreStats, UpkeepReport


def stats(counts: StoreStats) -> Document:
    """The counts of the store; callers add what the process knows (slab, importance)."""
    return {
        "total": counts.total,
        "episodic": counts.episodic,
        "semantic": counts.semantic,
        "deleted": counts.deleted,
        "links": counts.links,
        "vectors": counts.vectors,
        "pending_index": counts.pending_index,
        "wal": counts.wal,
        "position": counts.position,
    }


def upkeep_report(done: UpkeepReport) -> Document:
    """What a run did, or would do, memory by memory."""
    return {
        "dry_run": done.dry_run,
        "effects": [
            {
                "coordinate": effect.coordinate.numbers(),
                "version": effect.version,
                "kind": effect.kind.value,
                "removed": list(effect.removed),
            }
            for effect in done.effects
        ],
        "complete": done.complete,
        "over_limit": done.over_limit,
    }
