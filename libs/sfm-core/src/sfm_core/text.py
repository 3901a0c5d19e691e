"""What of a memory is embedded and searched by words."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from sfm_core.model import Json, MemoryDraft


def effective_text(draft: MemoryDraft) -> str:
    """The given text, else all string values of the payload, keys sorted, one per line."""
    if draft.text is not None:
        return draft.text
    return "\n".join(_strings(draft.payload))


def indexed_text(text: str, *, source: str | None, occurred_at: datetime | None) -> str:
    """`text` behind its context header: who said it and on which day, as far as is known."""
    day = f"{occurred_at.day} {occurred_at:%B %Y}" if occurred_at is not None else ""
    header = " ".join(part for part in (source or "", f"({day})" if day else "") if part)
    return f"{header}: {text}" if header else text


def _strings(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key in sorted(value):
            yield from _strings(value[key])
    elif isinstance(value, Sequence):
        for item in value:
            yield from _strings(item)
