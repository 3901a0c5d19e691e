"""What is asked of a reconciling run."""

from dataclasses import dataclass

from sfm_core.decode.fields import Faults, Fields, fields, judged
from sfm_core.model import OF_A_NAMESPACE, JobName


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileQuery:
    dry_run: bool = False
    jobs: tuple[JobName, ...] = OF_A_NAMESPACE


def reconcile_run(raw: object, path: str = "") -> ReconcileQuery:
    """Which jobs, and whether it is to be a dry run.

    Raises:
        InvalidInput: with every fault.
    """

    def read(faults: Faults) -> ReconcileQuery:
        asked = fields(raw, path, faults)  # type: ignore[arg-type]  # any object is looked at
        if asked is None:
            return ReconcileQuery()
        query = ReconcileQuery(
            dry_run=asked.flag("dry_run", default=False), jobs=_jobs(asked, faults)
        )
        asked.done()
        return query

    return judged(raw, path, read)


def _jobs(asked: Fields, faults: Faults) -> tuple[JobName, ...]:
    """In the order in which they are done, each once."""
    if not asked.has("jobs"):
        return OF_A_NAMESPACE
    given = asked.raw("jobs")
    if not isinstance(given, list) or not given:
        asked.wrong("jobs", "must be a list of jobs, of at least one")
        return ()
    for index, name in enumerate(given):
        if name not in OF_A_NAMESPACE:
            known = ", ".join(OF_A_NAMESPACE)
            faults.add(f"{asked.path('jobs')}/{index}", f"must be one of {known}")
    return tuple(job for job in OF_A_NAMESPACE if job in given)
