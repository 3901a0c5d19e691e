"""The log, as given."""

from typing import Final

from sfm_api.openapi.schema import (
    COORDINATE,
    FLAG,
    KIND,
    OBJECT,
    TIME,
    UUID,
    Schema,
    described,
    integer,
    listing,
    number,
    or_null,
    record,
    ref,
    text,
)
from sfm_core.coordinates import NAMESPACE_PATTERN
from sfm_core.decode.events import MAX_EVENTS
from sfm_core.model import EventType, Projected

_DIGEST: Final = text(pattern="^[0-9]+:[0-9a-f]{16}$", description="Members, and 64 bits of them.")

_POINTS: Final = record(
    {
        "before": described(_DIGEST, "Of the live points of the vector index."),
        "after": _DIGEST,
        "truth": described(_DIGEST, "Of the record store."),
        "sound": described(FLAG, "`after` and `truth` are equal."),
    }
)

SCHEMAS: Final[dict[str, Schema]] = {
    "Event": {
        **record(
            {
                "position": integer(description="Place in the log."),
                "event_id": described(UUID, "The same for the same change, whoever tells it."),
                "type": text(enum=[kind.value for kind in EventType]),
                "namespace": text(pattern=NAMESPACE_PATTERN),
                "id": described(UUID, "Of the memory, or of the link."),
                "coordinate": or_null(COORDINATE),
                "version": integer(1),
                "timestamp": TIME,
                "payload": OBJECT,
                "kind": KIND,
                "text": text(),
                "importance": number(),
                "tags": listing(text()),
                "session": or_null(text()),
                "source": or_null(text()),
                "occurred_at": or_null(TIME),
                "expires_at": or_null(TIME),
                "pinned": FLAG,
                "created_at": TIME,
                "link": ref("Link"),
                "removed": described(OBJECT, "Of an erasure: how much went, by store."),
            },
            required=(
                "position",
                "event_id",
                "type",
                "namespace",
                "id",
                "coordinate",
                "version",
                "timestamp",
            ),
        ),
        "description": "One change; the memory's fields as they stood after it.",
    },
    "Erasure": record(
        {
            "namespace": text(pattern=NAMESPACE_PATTERN),
            "generation": integer(2, description="Of what is written to the name from now on."),
            "position": integer(description="Of the `erased` event in the log."),
            "event_id": UUID,
            "erased_at": TIME,
            "complete": described(FLAG, "Nothing was left anywhere."),
            "stores": listing(
                record(
                    {
                        "store": text(),
                        "removed": integer(),
                        "left": or_null(
                            integer(description="What a second look found: 0; null: no answer.")
                        ),
                    }
                )
            ),
        }
    ),
    "RebuildIn": record(
        {
            "projection": text(enum=[one.value for one in Projected]),
            "after": text(description="Of `vectors`: `next` of the answer before."),
        },
        required=("projection",),
    ),
    "Rebuilt": record(
        {
            "projection": text(enum=[one.value for one in Projected]),
            "before": or_null(_DIGEST),
            "after": _DIGEST,
            "truth": described(_DIGEST, "Of the record store; of what its texts embed to."),
            "sound": described(FLAG, "`after` and `truth` are equal."),
            "position": integer(description="Of the log, right after."),
            "next": described(
                or_null(text()), "Of `vectors`: the digests are of a portion; give it as `after`."
            ),
            "points": described(
                or_null(_POINTS),
                "Of `vectors`, in the last answer, where there is a vector index.",
            ),
        }
    ),
    "EventPage": record(
        {
            "events": listing(ref("Event"), maxItems=MAX_EVENTS),
            "position": integer(description="Give it as `after` for the next page."),
            "more": described(FLAG, "Whether there are more already."),
        }
    ),
}
