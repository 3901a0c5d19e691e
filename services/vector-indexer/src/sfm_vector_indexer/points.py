"""From a row of the record store to a point of the vector store."""

from sfm_core.model import VectorPoint, ViewRow


def point_of(row: ViewRow, *, generation: int, model_revision: str) -> VectorPoint:
    """The memory, or its tombstone, as the index holds it."""
    if row.deleted:
        return VectorPoint(
            id=row.id,
            version=row.version,
            position=row.position,
            generation=generation,
            deleted=True,
        )
    return VectorPoint(
        id=row.id,
        version=row.version,
        position=row.position,
        generation=generation,
        kind=row.kind,
        vector=row.vector,
        model_revision=model_revision,
    )
