"""Rows as points of a vector index, and what such a point says to a filter."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import orjson

from sfm_core.filters import Attributes, Filter, matches
from sfm_core.model import Json, Kind, VectorPoint, ViewRow
from sfm_core.times import microseconds

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def point_of(row: ViewRow, *, generation: int, model_revision: str) -> VectorPoint | None:
    """The point of a memory or tombstone; None while the memory is not embedded.

    `model_revision` is what the row's vector was made with.
    """
    if row.deleted:
        return VectorPoint(
            id=row.id,
            version=row.version,
            position=row.position,
            generation=generation,
            kind=row.kind,
            deleted=True,
            model_revision=model_revision,
        )
    if row.vector is None:
        return None
    return VectorPoint(
        id=row.id,
        version=row.version,
        position=row.position,
        generation=generation,
        kind=row.kind,
        vector=row.vector,
        model_revision=model_revision,
        facts=_facts(row),
    )


def admitted(filter_: Filter, kind: Kind, facts: Mapping[str, Json]) -> bool:
    """Whether a filter admits the memory of a point."""
    return matches(filter_, _attributes(kind, facts))


def _facts(row: ViewRow) -> dict[str, Json]:
    """Times in microseconds; what is not set is left out.

    The importance and the payload are texts, as an index may change the last digit of a float.
    """
    created_at = row.created_at or _EPOCH
    found: dict[str, Json] = {
        "coordinate": row.coordinate.text,
        "importance": repr(float(row.importance)),
        "pinned": row.pinned,
        "created_at": microseconds(created_at),
        "updated_at": microseconds(row.updated_at or created_at),
        "occurred_at": microseconds(row.occurred_at or created_at),
        "payload": row.payload,
    }
    if row.tags:
        found["tags"] = list(row.tags)
    if row.session is not None:
        found["session"] = row.session
    if row.source is not None:
        found["source"] = row.source
    if row.expires_at is not None:
        found["expires_at"] = microseconds(row.expires_at)
    return found


def _attributes(kind: Kind, facts: Mapping[str, Json]) -> Attributes:
    said = facts
    payload = orjson.loads(str(said["payload"]))
    tags = said.get("tags")
    return Attributes(
        kind=kind.value,
        tags=[str(tag) for tag in tags] if isinstance(tags, list) else [],
        session=_text(said.get("session")),
        source=_text(said.get("source")),
        importance=float(str(said["importance"])),
        created_at=_instant(said["created_at"]),
        updated_at=_instant(said["updated_at"]),
        occurred_at=_instant(said["occurred_at"]),
        pinned=said["pinned"] is True,
        payload=payload if isinstance(payload, dict) else {},
    )


def _text(value: Json) -> str | None:
    return None if value is None else str(value)


def _instant(value: Json) -> datetime:
    return _EPOCH + timedelta(microseconds=int(str(value)))
