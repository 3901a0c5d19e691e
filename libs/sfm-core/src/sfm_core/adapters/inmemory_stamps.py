"""What a view that was put aside is held against, over the in-memory store."""

from collections.abc import Collection

from sfm_core.adapters.inmemory_rows import Row, view_row
from sfm_core.model.saved import CatchUp, Fingerprint, fingerprint_of
from sfm_core.times import microseconds


def caught_up(rows: Collection[Row], since: int, now: int, model_revision: str) -> CatchUp:
    """`LogIdentity.caught_up` over all rows of a namespace; `now` is the token of this moment."""
    live = [row.memory for row in rows if row.live]
    shares = (
        fingerprint_of(one.id.int >> 96, one.version, microseconds(one.updated_at)) for one in live
    )
    return CatchUp(
        rows=tuple(view_row(row, model_revision) for row in rows if row.xid >= since),
        token=now,
        fingerprint=Fingerprint(count=len(live), total=sum(shares) % 2**64),
    )
