"""Memories as callers send them."""

from collections.abc import Mapping, Sequence
from typing import Final

from sfm_core.coordinates import MAX_AXES, Coordinate
from sfm_core.decode.fields import Faults, Fields, checked_string, fields, judged
from sfm_core.decode.limits import (
    MAX_BATCH_ITEMS,
    MAX_NAME_CHARS,
    MAX_TAG_CHARS,
    MAX_TAGS,
    MAX_TEXT_BYTES,
)
from sfm_core.errors import Fault, InvalidInput
from sfm_core.jsontext import ONE, Limits, dumps
from sfm_core.model import (
    DEFAULT_IMPORTANCE,
    Json,
    JsonObject,
    Kind,
    MemoryDraft,
    StoreItem,
)
from sfm_core.text import effective_text

_HINTS: Final = {"coordinate": "is not part of the memory here: the address names it"}


def memory_draft(raw: object, path: str = "") -> MemoryDraft:
    """The memory of a store; `path` is where `raw` stands in the request.

    Raises:
        InvalidInput: with every fault.
    """
    return judged(raw, path, lambda faults: _memory(raw, path, faults, coordinate=False)[1])


def memory_with_coordinate(
    raw: object, path: str = "", *, limits: Limits = ONE
) -> tuple[Coordinate | None, MemoryDraft]:
    """The memory of a remember, and the coordinate when it brings one.

    Raises:
        InvalidInput: with every fault.
    """
    return judged(
        raw, path, lambda faults: _memory(raw, path, faults, coordinate=True), limits=limits
    )


def batch(raw: object, *, item_bytes: int = ONE.size_bytes) -> list[StoreItem]:
    """The items of a batch, in order; an item with faults carries them and fails no other.

    An item may be as large as a memory that comes alone, `item_bytes` of compact JSON: so an
    import takes what an export wrote of it.

    Raises:
        InvalidInput: what is around the items is wrong (no list, none, too many, other fields).
    """
    faults = Faults()
    around = fields(raw, "", faults)  # type: ignore[arg-type]  # any object is looked at
    items: Sequence[object] = ()
    if around is not None:
        items = _items(around)
        around.done()
    if faults.found:
        raise faults.error()
    return [_item(item, f"/items/{i}", item_bytes) for i, item in enumerate(items)]


def coordinate_list(raw: object, path: str = "/coordinate") -> Coordinate:
    """The coordinate that an array of 1 to 16 finite numbers names.

    Raises:
        InvalidInput: it is something else.
    """
    if not isinstance(raw, list | tuple):
        message = f"must be an array of 1 to {MAX_AXES} numbers"
        raise InvalidInput(f"{path}: {message}", faults=[Fault(path, message)])
    try:
        return Coordinate.of(raw)
    except InvalidInput as error:
        found = [Fault(path + f.path.removeprefix("/coordinate"), f.message) for f in error.faults]
        raise InvalidInput(f"{path}: {error.detail}", faults=found) from None


def _items(around: Fields) -> Sequence[object]:
    items = around.raw("items")
    if not isinstance(items, list | tuple) or not 1 <= len(items) <= MAX_BATCH_ITEMS:
        around.wrong("items", f"must be an array of 1 to {MAX_BATCH_ITEMS} memories")
        return ()
    return items


def _item(raw: object, path: str, item_bytes: int) -> StoreItem:
    try:
        coordinate, draft = memory_with_coordinate(raw, path)
    except InvalidInput as error:
        return StoreItem(faults=error.faults)
    if len(dumps(raw)) > item_bytes:
        return StoreItem(faults=(Fault(path, f"has more than {item_bytes} bytes of JSON"),))
    return StoreItem(coordinate=coordinate, draft=draft)


def _memory(
    raw: object, path: str, faults: Faults, *, coordinate: bool
) -> tuple[Coordinate | None, MemoryDraft]:
    given = fields(raw, path, faults)  # type: ignore[arg-type]  # `judged` saw that it is JSON
    if given is None:
        return None, MemoryDraft(payload={})
    where = _coordinate(given) if coordinate else None
    draft = MemoryDraft(
        payload=_payload(given),
        kind=given.choice("kind", Kind, Kind.EPISODIC) or Kind.EPISODIC,
        text=_text(given),
        importance=_importance(given),
        tags=tags_of(given),
        session=given.string("session", high=MAX_NAME_CHARS),
        source=given.string("source", high=MAX_NAME_CHARS),
        occurred_at=given.instant("occurred_at"),
        expires_at=given.instant("expires_at"),
        pinned=given.flag("pinned", default=False),
    )
    given.done(None if coordinate else _HINTS)
    if draft.text is None and not faults.found and is_too_long(effective_text(draft)):
        given.wrong("payload", f"its strings exceed {MAX_TEXT_BYTES} bytes: give a text")
    return where, draft


def _coordinate(given: Fields) -> Coordinate | None:
    if not given.has("coordinate"):
        return None
    try:
        return coordinate_list(given.raw("coordinate"), given.path("coordinate"))
    except InvalidInput as error:
        given.faults.extend(error.faults)
        return None


def _payload(given: Fields) -> JsonObject:
    payload: Json = given.raw("payload")
    if isinstance(payload, Mapping):
        return payload
    given.wrong("payload", "must be an object" if given.has("payload") else "is required")
    return {}


def _text(given: Fields) -> str | None:
    text = given.string("text", low=0)
    if text is not None and is_too_long(text):
        given.wrong("text", f"must have at most {MAX_TEXT_BYTES} bytes of UTF-8")
    return text


def is_too_long(text: str) -> bool:
    """True when a memory's text is over the limit; encodes only what may be."""
    return 4 * len(text) > MAX_TEXT_BYTES and len(text.encode("utf-8")) > MAX_TEXT_BYTES


def _importance(given: Fields) -> float:
    importance = given.number("importance")
    return DEFAULT_IMPORTANCE if importance is None else importance


def tags_of(given: Fields) -> tuple[str, ...]:
    """The member `tags`, each tag once, in order; none when absent or wrong."""
    if not given.has("tags"):
        return ()
    raw = given.raw("tags")
    if not isinstance(raw, list | tuple):
        given.wrong("tags", "must be an array of strings")
        return ()
    if len(raw) > MAX_TAGS:
        given.wrong("tags", f"must have at most {MAX_TAGS} tags")
        return ()
    path = given.path("tags")
    tags = [
        checked_string(tag, f"{path}/{i}", given.faults, high=MAX_TAG_CHARS)
        for i, tag in enumerate(raw)
    ]
    return tuple(dict.fromkeys(tag for tag in tags if tag is not None))
