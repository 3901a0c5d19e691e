"""Which rows may be returned: everything a query rules out, as one mask before top-k."""

from datetime import datetime

import numpy as np

from sfm_core.columns import KIND_CODES, NEVER
from sfm_core.model import Box, Mask, RecallQuery
from sfm_core.recall.view import Snapshot
from sfm_core.times import microseconds


def unexpired(snapshot: Snapshot, now: datetime) -> Mask:
    """Live rows that have not expired at `now`; `snapshot.alive` itself when none has."""
    expires = snapshot.columns.expires_at(snapshot.rows)
    if not snapshot.rows or int(expires.min()) == NEVER:
        return snapshot.alive
    unexpired_rows: Mask = expires > microseconds(now)
    return snapshot.alive & unexpired_rows


def admitted(snapshot: Snapshot, query: RecallQuery, live: Mask) -> Mask:
    """The live rows that pass kind, filter, time bounds and box; shape (rows,)."""
    allowed = live
    columns, rows = snapshot.columns, snapshot.rows
    if query.kind is not None:
        allowed = allowed & (columns.kinds(rows) == KIND_CODES[query.kind])
    if query.since is not None:
        allowed = allowed & (columns.happened_at(rows) >= microseconds(query.since))
    if query.until is not None:
        allowed = allowed & (columns.happened_at(rows) < microseconds(query.until))
    if query.box is not None:
        allowed = allowed & _inside(snapshot, query.box)
    if query.filter is not None:
        allowed = allowed & columns.mask(query.filter, rows)
    return allowed


def _inside(snapshot: Snapshot, box: Box) -> Mask:
    """Rows with as many axes as the box, each within its bounds, ends included."""
    width = len(box.low)
    if width > snapshot.axes.shape[1]:
        return np.zeros(snapshot.rows, dtype=np.bool_)
    axes = snapshot.axes[:, :width]
    inside: Mask = ((axes >= box.low) & (axes <= box.high)).all(axis=1)
    if width < snapshot.axes.shape[1]:
        inside &= np.isnan(snapshot.axes[:, width])
    return inside
