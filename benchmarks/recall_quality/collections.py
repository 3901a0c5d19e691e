"""Public collections as memories and questions."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Question:
    text: str
    category: str
    gold: tuple[str, ...]
    """Ids of the documents that are evidence; never empty."""


@dataclass(frozen=True)
class Unit:
    """What is stored in one namespace, and asked of it."""

    namespace: str
    items: tuple[dict[str, Any], ...]
    """Items of `memories:batch`, in the order they happened; `payload.id` is the document's."""
    questions: tuple[Question, ...]


def load(path: Path, *, header: bool = True) -> list[Unit]:
    """The units of a collection; without `header` nobody spoke and nothing has a day.

    Questions without evidence are left out (LoCoMo has none among its 1,982).
    """
    collection = json.loads(path.read_text("utf-8"))
    suffix = "" if header else ".bare"
    return [
        Unit(
            namespace=f"{collection['name']}.{unit['id'].lower()}{suffix}",
            items=tuple(
                _item(number, doc, header=header) for number, doc in enumerate(unit["docs"])
            ),
            questions=tuple(
                Question(q["text"], q["cat"], tuple(q["gold"]))
                for q in unit["queries"]
                if q["gold"]
            ),
        )
        for unit in collection["units"]
    ]


def _item(number: int, doc: dict[str, str], *, header: bool) -> dict[str, Any]:
    text = "\n".join(part for part in (doc["text"], doc["caption"]) if part)
    item: dict[str, Any] = {"coordinate": [number], "payload": {"id": doc["id"]}, "text": text}
    if doc["sess"]:
        item["session"] = doc["sess"]
    if header and doc["speaker"]:
        item["source"] = doc["speaker"]
    if header and doc["date"]:
        item["occurred_at"] = _instant(doc["date"])
    return item


def _instant(said: str) -> str:
    """`1:56 pm on 8 May, 2023` as ISO 8601, taken as UTC."""
    return datetime.strptime(said, "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC).isoformat()
