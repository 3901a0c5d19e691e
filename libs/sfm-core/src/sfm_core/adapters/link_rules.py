"""What every LinkStore decides alike: pure, shared by all of them."""

import base64
import binascii
import math
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import orjson

from sfm_core.adapters.write_rules import is_storable
from sfm_core.coordinates import Coordinate, event_id, link_id
from sfm_core.errors import Fault, InvalidInput, NotFound
from sfm_core.model import Direction, EventType, LinkChange, LinkKey, Neighbor, PutLink, Written

type Behind = tuple[float, UUID, str, str]
"""Where a page ended: weight, id of the other end, type, direction."""

_PARTS: Final = 4


def check_storable(changes: Sequence[LinkChange]) -> None:
    """The last check before anything is written; the doors have said it better before.

    Raises:
        InvalidInput: U+0000 or a lone surrogate in a type, a weight that is not finite and
            above 0, a link of a memory to itself.
    """
    faults = []
    for change in changes:
        if not is_storable(change.key.type):
            faults.append(Fault("/type", "holds U+0000 or a lone surrogate"))
        if isinstance(change, PutLink) and not 0.0 < change.weight < math.inf:
            faults.append(Fault("/weight", "is not a finite number above 0"))
        if isinstance(change, PutLink) and change.key.origin == change.key.target:
            faults.append(Fault("/to", "is where the link begins"))
    if faults:
        raise InvalidInput("the store cannot hold this link", faults=faults[:100])


def no_end(change: LinkChange, at: Coordinate) -> NotFound:
    """Why a change cannot be made for want of the end at `at`."""
    lacks = "no memory lives" if isinstance(change, PutLink) else "nothing was ever stored"
    end = "from" if at == change.key.origin else "to"
    return NotFound(f"{lacks} at {at.text}", coordinate=at.text, end=end)


def never_was(namespace: str, key: LinkKey, at: datetime) -> Written:
    """The outcome of an unlink of what never was linked."""
    link = link_id(namespace, key.origin, key.target, key.type)
    return Written(
        coordinate=key.origin,
        id=link,
        version=0,
        position=0,
        event_id=event_id(link, 0, EventType.UNLINKED),
        type=EventType.UNLINKED,
        at=at,
        created_at=at,
        changed=False,
    )


def behind(neighbor: Neighbor) -> Behind:
    return neighbor.weight, neighbor.id, neighbor.type, neighbor.direction.value


def encode_cursor(last: Neighbor) -> str:
    """The place right behind this neighbour."""
    weight, memory, kind, direction = behind(last)
    raw = orjson.dumps([weight.hex(), str(memory), kind, direction])
    return base64.urlsafe_b64encode(raw).decode()


def decode_cursor(cursor: str | None) -> Behind | None:
    """The place a cursor names; None for the start.

    Raises:
        InvalidInput: it is not a cursor that `encode_cursor` made.
    """
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
        parts = orjson.loads(raw)
        if not isinstance(parts, list) or len(parts) != _PARTS:
            raise ValueError("not four parts")  # noqa: TRY301 - one answer to all that is wrong
        weight, memory, kind, direction = map(str, parts)
        found = float.fromhex(weight), UUID(memory), kind, Direction(direction).value
        if not math.isfinite(found[0]) or not is_storable(kind):
            raise ValueError("no such link")  # noqa: TRY301
    except (ValueError, OverflowError, binascii.Error) as error:
        raise InvalidInput("this is not a cursor of this store", path="/cursor") from error
    return found
