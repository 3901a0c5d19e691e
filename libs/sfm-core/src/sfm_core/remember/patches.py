"""What a patch makes of a memory: pure, and never more than a store may bring."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from sfm_core import jsontext
from sfm_core.decode.limits import MAX_TEXT_BYTES
from sfm_core.decode.memories import is_too_long
from sfm_core.errors import InvalidInput, TooLarge
from sfm_core.model import Json, JsonObject, MemoryDraft, MemoryPatch
from sfm_core.text import effective_text

_PAYLOAD: Final = "/payload"


def merge_patch(target: JsonObject, patch: JsonObject) -> JsonObject:
    """`target` with `patch` merged in (RFC 7396): null removes, objects merge, the rest replaces.

    Keys keep their order; new ones come last. Neither argument is changed.
    """
    merged: dict[str, Json] = dict(target)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping):
            below = merged.get(key)
            merged[key] = merge_patch(below if isinstance(below, Mapping) else {}, value)
        else:
            merged[key] = value
    return merged


def patched(draft: MemoryDraft, patch: MemoryPatch) -> MemoryDraft | None:
    """The draft as the patch leaves it; None when that is as it was, to the byte.

    Raises:
        InvalidInput: the payload would become more than a memory may hold.
    """
    payload = draft.payload if patch.payload is None else _merged(draft, patch.payload)
    after = replace(
        draft,
        payload=payload,
        importance=draft.importance if patch.importance is None else patch.importance,
        pinned=draft.pinned if patch.pinned is None else patch.pinned,
        tags=draft.tags if patch.tags is None else patch.tags,
        expires_at=None if patch.never_expires else patch.expires_at or draft.expires_at,
    )
    return None if _is_same(draft, after) else after


def _merged(draft: MemoryDraft, patch: JsonObject) -> JsonObject:
    merged = merge_patch(draft.payload, patch)
    _check_size(draft, merged)
    return merged


def _check_size(draft: MemoryDraft, merged: JsonObject) -> None:
    """A payload may not grow by patches beyond what one request could bring."""
    if faults := jsontext.faults_in(merged, _PAYLOAD):
        raise InvalidInput(f"{faults[0].path}: {faults[0].message}", faults=faults)
    size, most = len(jsontext.dumps(merged)), jsontext.ONE.size_bytes
    if size > most and size > len(jsontext.dumps(draft.payload)):
        raise TooLarge(f"the payload would exceed {most} bytes", path=_PAYLOAD)
    if draft.text is None:
        text = effective_text(replace(draft, payload=merged))
        if is_too_long(text):
            detail = f"its strings would exceed {MAX_TEXT_BYTES} bytes: store it with a text"
            raise InvalidInput(detail, path=_PAYLOAD)


def _is_same(before: MemoryDraft, after: MemoryDraft) -> bool:
    """Equal, with payloads compared as text: to Python `1`, `1.0` and `True` are equal."""
    same = jsontext.dumps(before.payload) == jsontext.dumps(after.payload)
    return same and replace(before, payload={}) == replace(after, payload={})
