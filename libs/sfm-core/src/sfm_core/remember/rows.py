"""What the views are told of committed writes."""

from collections.abc import Sequence
from uuid import UUID

from sfm_core import jsontext
from sfm_core.model import Applied, Sample, Upsert, ViewRow, Write, Written


def changed_rows(
    namespace: str, writes: Sequence[Write], applied: Applied
) -> tuple[list[ViewRow], list[Sample]]:
    """Rows and importances of the writes that changed something, in their order."""
    rows: list[ViewRow] = []
    samples: list[Sample] = []
    if applied.replayed:
        return rows, samples
    for write, outcome in zip(writes, applied.outcomes, strict=True):
        if not isinstance(outcome, Written) or not outcome.changed:
            continue
        if isinstance(write, Upsert):
            rows.append(_view_row(namespace, write, outcome))
            if write.says_importance:
                importance = write.draft.importance
                samples.append(Sample(position=outcome.position, importance=importance))
        else:
            rows.append(_tombstone(namespace, outcome))
    return rows, samples


def unshown(applied: Applied, rows: Sequence[ViewRow]) -> list[UUID]:
    """The memories that were acknowledged without one of these rows, each once."""
    shown = {row.id for row in rows}
    done = {outcome.id for outcome in applied.outcomes if isinstance(outcome, Written)}
    return sorted(done - shown)


def _view_row(namespace: str, write: Upsert, outcome: Written) -> ViewRow:
    draft = write.draft
    return ViewRow(
        namespace=namespace,
        id=outcome.id,
        coordinate=outcome.coordinate,
        version=outcome.version,
        position=outcome.position,
        kind=draft.kind,
        payload=jsontext.dumps(draft.payload).decode(),
        text=write.text,
        source=draft.source,
        session=draft.session,
        tags=draft.tags,
        importance=draft.importance,
        occurred_at=draft.occurred_at,
        created_at=outcome.created_at,
        updated_at=outcome.at,
        expires_at=draft.expires_at,
        pinned=draft.pinned,
        vector=write.vector,
    )


def _tombstone(namespace: str, outcome: Written) -> ViewRow:
    return ViewRow(
        namespace=namespace,
        id=outcome.id,
        coordinate=outcome.coordinate,
        version=outcome.version,
        position=outcome.position,
        deleted=True,
    )
