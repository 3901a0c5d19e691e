"""The calls about links."""

from typing import Final

from sfm_api.openapi.call import BATCH_WRITTEN, CURSOR, KEY, WRITTEN, Call, Parameter, answer, query
from sfm_api.openapi.schema import COORDINATE_PATTERN, integer, text
from sfm_core.decode.limits import MAX_LINK_TYPE_CHARS, MAX_NEIGHBORS
from sfm_core.model import DEFAULT_LINK_TYPE


def _end(name: str, description: str) -> Parameter:
    found = query(name, text(pattern=COORDINATE_PATTERN), description)
    return found | {"required": True, "example": "1,2.5,-3"}


_FROM: Final = _end("from", "Coordinate of the memory where it begins.")
_TO: Final = _end("to", "Coordinate of the memory where it leads.")
_TYPE: Final = text(minLength=1, maxLength=MAX_LINK_TYPE_CHARS)

CALLS: Final[dict[str, Call]] = {
    "putLink": Call(
        tag="graph",
        summary="Link two memories",
        description="Or give their link of this type another weight; just the same again changes "
        "nothing. Several types may join the same two. A link goes with its ends.",
        parameters=(KEY,),
        body="LinkIn",
        example={"from": [1, 2.5, -3], "to": [4, 0, 1], "type": "caused_by", "weight": 2},
        answers={
            200: answer("The link was there.", "Link", WRITTEN),
            201: answer("Linked.", "Link", WRITTEN),
        },
        errors=(404,),
    ),
    "deleteLink": Call(
        tag="graph",
        summary="Unlink two memories",
        description="Again, or where there never was such a link, is fine.",
        parameters=(
            _FROM,
            _TO,
            query("type", {**_TYPE, "default": DEFAULT_LINK_TYPE}, "Of the link."),
            KEY,
        ),
        answers={204: answer("There is no such link.", headers=BATCH_WRITTEN)},
        errors=(404, 422),
    ),
    "findPath": Call(
        tag="graph",
        summary="Find the strongest way from one memory to another",
        description="Along links in their direction. The strongest way has the least sum of "
        "1 / weight; its weight is 1 over that sum, so a way of one link has that link's weight. "
        "No way: an empty path, without a weight.",
        parameters=(
            _FROM,
            _TO,
            query("type", _TYPE, "Only along links of this type."),
            query("min_position", integer(), "Wait until this place in the log is seen."),
        ),
        answers={200: answer("The way, both ends included.", "Path")},
        errors=(404, 409, 422),
    ),
    "listNeighbors": Call(
        tag="graph",
        summary="List the links of a memory, the strongest first",
        parameters=(
            query("type", _TYPE, "Only links of this type."),
            query(
                "direction",
                text(enum=["out", "in", "both"], default="both"),
                "Only links that begin here, or that lead here.",
            ),
            query("limit", integer(1, MAX_NEIGHBORS, default=100), "At most so many."),
            CURSOR,
        ),
        answers={200: answer("A page.", "Neighbors")},
        errors=(404, 422),
    ),
}
