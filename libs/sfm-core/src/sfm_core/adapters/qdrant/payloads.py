"""Points as Qdrant holds them: what is in a payload, and what of it is indexed."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID, uuid5

from qdrant_client import models

from sfm_core.model import F32, VectorPoint

NAMESPACE: Final = "namespace"
KIND: Final = "kind"
VERSION: Final = "version"
POSITION: Final = "position"
GENERATION: Final = "generation"
DELETED: Final = "deleted"
REVISION: Final = "model_revision"
TAGS: Final = "tags"
SESSION: Final = "session"
SOURCE: Final = "source"
OCCURRED_AT: Final = "occurred_at"
EXPIRES_AT: Final = "expires_at"
FLOOR: Final = "floor"
"""Kind of the one point of a namespace that says up to which position it was erased."""

type Index = models.PayloadSchemaType | models.KeywordIndexParams

INDEXES: Final[Mapping[str, Index]] = {
    NAMESPACE: models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True),
    KIND: models.PayloadSchemaType.KEYWORD,
    VERSION: models.PayloadSchemaType.INTEGER,
    DELETED: models.PayloadSchemaType.BOOL,
    POSITION: models.PayloadSchemaType.INTEGER,
}
"""Of every collection."""
SEARCHED: Final[Mapping[str, Index]] = {
    **INDEXES,
    REVISION: models.PayloadSchemaType.KEYWORD,
    TAGS: models.PayloadSchemaType.KEYWORD,
    SESSION: models.PayloadSchemaType.KEYWORD,
    SOURCE: models.PayloadSchemaType.KEYWORD,
    OCCURRED_AT: models.PayloadSchemaType.INTEGER,
    EXPIRES_AT: models.PayloadSchemaType.INTEGER,
}
"""Of the default collection: all that a search ever names."""
_FLOORS: Final = UUID("0d6d7a0e-5b5b-5d47-8d3c-54a4b3b5c5f0")


def floor_id(namespace: str) -> UUID:
    return uuid5(_FLOORS, namespace)


def stored(namespace: str, point: VectorPoint, dim: int) -> models.PointStruct:
    """A tombstone's vector is zero: near nothing, and left out of every search besides."""
    payload = {
        **point.facts,
        NAMESPACE: namespace,
        KIND: point.kind.value,
        VERSION: point.version,
        POSITION: point.position,
        GENERATION: point.generation,
        DELETED: point.deleted,
        REVISION: point.model_revision,
    }
    vector = [0.0] * dim if point.vector is None else _numbers(point.vector)
    return models.PointStruct(id=str(point.id), vector=vector, payload=payload)


def floor(namespace: str, position: int, dim: int) -> models.PointStruct:
    payload = {NAMESPACE: namespace, POSITION: position, DELETED: True, KIND: FLOOR}
    return models.PointStruct(id=str(floor_id(namespace)), vector=[0.0] * dim, payload=payload)


def _numbers(vector: F32) -> list[float]:
    numbers: list[float] = vector.tolist()
    return numbers


def equal(key: str, value: str | bool) -> models.FieldCondition:
    return models.FieldCondition(key=key, match=models.MatchValue(value=value))


def at_most(position: int) -> models.FieldCondition:
    """Positions stay below 2**53, where a float still tells neighbours apart."""
    return models.FieldCondition(key=POSITION, range=models.Range(lte=float(position)))


def of_namespace(namespace: str, *more: models.Condition) -> models.Filter:
    """A namespace's points, without its floor."""
    return models.Filter(must=[equal(NAMESPACE, namespace), *more], must_not=[equal(KIND, FLOOR)])
