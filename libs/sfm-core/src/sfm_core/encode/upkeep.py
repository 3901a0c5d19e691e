"""Counts of the store and reports of upkeep."""

from sfm_core.encode.values import Document
from sfm_core.model import JobReport, ReconcileReport, Repair, StoreStats, UpkeepReport


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


def reconcile_report(done: ReconcileReport) -> Document:
    """What a run did, or would do, job by job and memory by memory."""
    return {
        "dry_run": done.dry_run,
        "complete": done.complete,
        "jobs": [_job(job) for job in done.jobs],
    }


def _job(done: JobReport) -> Document:
    return {
        "job": done.job.value,
        "complete": done.complete,
        "counts": {str(kind): number for kind, number in sorted(done.counts.items())},
        "effects": [_repair(effect) for effect in done.effects],
        "over_limit": done.over_limit,
    }


def _repair(effect: Repair) -> Document:
    """What is not said of it is left out."""
    document: Document = {"kind": str(effect.kind)}
    if effect.id is not None:
        document["id"] = str(effect.id)
    if effect.coordinate is not None:
        document["coordinate"] = effect.coordinate.numbers()
        document["version"] = effect.version
        document["removed"] = list(effect.removed)
    return document
