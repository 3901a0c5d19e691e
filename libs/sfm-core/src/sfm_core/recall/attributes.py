"""What filters ask of a row of a view."""

from datetime import datetime

import orjson

from sfm_core.errors import Corrupt
from sfm_core.filters import Attributes
from sfm_core.model import ViewRow


def attributes_of(row: ViewRow, *, with_payload: bool) -> Attributes:
    """The attributes of a live row; the payload is empty when it is not asked for.

    Raises:
        Corrupt: the row has no time.
    """
    return Attributes(
        kind=row.kind,
        tags=row.tags,
        session=row.session,
        source=row.source,
        importance=row.importance,
        created_at=known_time(row.created_at),
        updated_at=known_time(row.updated_at),
        occurred_at=happened_at(row),
        expires_at=row.expires_at,
        pinned=row.pinned,
        payload=orjson.loads(row.payload) if with_payload else {},
    )


def happened_at(row: ViewRow) -> datetime:
    """When it occurred; else when it was stored."""
    return row.occurred_at or known_time(row.created_at)


def known_time(at: datetime | None) -> datetime:
    """The time of a live row.

    Raises:
        Corrupt: there is none.
    """
    if at is None:
        raise Corrupt("a live row has no time")
    return at
