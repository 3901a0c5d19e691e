"""Links, neighbours and paths."""

from typing import Final

from sfm_api.openapi.schema import (
    COORDINATE,
    TIME,
    UUID,
    Schema,
    described,
    integer,
    listing,
    number,
    record,
    ref,
    text,
)
from sfm_core.decode.limits import MAX_LINK_TYPE_CHARS, MAX_NEIGHBORS, MAX_SHOWN_LINKS
from sfm_core.model import DEFAULT_LINK_TYPE, DEFAULT_LINK_WEIGHT

_TYPE: Final = text(minLength=1, maxLength=MAX_LINK_TYPE_CHARS)
_WEIGHT: Final = number(exclusiveMinimum=0)
_SAID: Final[dict[str, Schema]] = {
    "from": described(COORDINATE, "The memory where the link begins."),
    "to": described(COORDINATE, "The memory where it leads: another one."),
    "type": {**_TYPE, "default": DEFAULT_LINK_TYPE},
    "weight": {
        **_WEIGHT,
        "default": DEFAULT_LINK_WEIGHT,
        "description": "How strong it is: more is nearer.",
    },
}

LINKS: Final = described(
    listing(ref("Neighbor"), maxItems=MAX_SHOWN_LINKS), "Its strongest links, where asked for."
)

SCHEMAS: Final[dict[str, Schema]] = {
    "LinkIn": record(_SAID, required=("from", "to")),
    "Link": record(
        {
            "from": COORDINATE,
            "to": COORDINATE,
            "type": _TYPE,
            "weight": _WEIGHT,
            "id": UUID,
            "version": integer(1),
            "position": integer(description="Place of the change in the log."),
            "created_at": TIME,
            "updated_at": TIME,
        }
    ),
    "Neighbor": {
        **record(
            {
                "coordinate": COORDINATE,
                "id": UUID,
                "direction": text(enum=["out", "in"]),
                "type": _TYPE,
                "weight": _WEIGHT,
            }
        ),
        "description": "A link and the memory at its other end; `out`: it leads there.",
    },
    "Path": record(
        {"path": listing(COORDINATE), "weight": _WEIGHT},
        required=("path",),
    ),
    "Neighbors": record(
        {
            "neighbors": listing(ref("Neighbor"), maxItems=MAX_NEIGHBORS),
            "next_cursor": {"type": ["string", "null"]},
        }
    ),
}
