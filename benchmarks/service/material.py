"""What is stored and asked under load: conversations, no two turns with the same text."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.recall_quality.collections import Unit, load

WORDS = (
    *("tea", "coffee", "rain", "garden", "letter", "train", "Ada", "Ben", "Carla", "bridge"),
    *("winter", "summer", "music", "piano", "doctor", "meeting", "budget", "server", "deploy"),
    *("invoice", "kitchen", "bread", "holiday", "ticket", "museum", "river", "market", "phone"),
)
MADE_TURNS = 400
PER_SESSION = 20


def material(data: Path, count: int) -> tuple[list[dict[str, Any]], list[str]]:
    """`count` items of `memories:batch` at coordinates 0, 1, ..., and questions about them.

    LoCoMo's turns when `data` has them, else made of words. Beyond those there are, a turn is
    the first half of one and the second half of another: as long as real ones, and new.
    """
    path = data / "locomo.json"
    rng = random.Random(7)
    if path.exists():
        units = load(path)
        turns = [_turn(unit, item) for unit in units for item in unit.items]
        questions = [question.text for unit in units for question in unit.questions]
    else:
        turns = [_made(rng, number) for number in range(MADE_TURNS)]
        questions = [" ".join(rng.choices(WORDS, k=6)) + "?" for _ in range(200)]
    rng.shuffle(questions)
    return [_item(turns, number) for number in range(count)], questions


def _turn(unit: Unit, item: dict[str, Any]) -> dict[str, Any]:
    return {**item, "session": f"{unit.namespace} {item['session']}"}


def _made(rng: random.Random, number: int) -> dict[str, Any]:
    return {
        "text": " ".join(rng.choices(WORDS, k=24)),
        "session": f"made {number // PER_SESSION}",
        "source": rng.choice(("Ada", "Ben")),
        "occurred_at": f"2026-01-{1 + number // PER_SESSION % 28:02}T12:00:00+00:00",
    }


def _item(turns: Sequence[dict[str, Any]], number: int) -> dict[str, Any]:
    lap, at = divmod(number, len(turns))
    turn = turns[at]
    text, session = turn["text"], turn["session"]
    if lap:
        text = _crossed(text, turns[(at + lap) % len(turns)]["text"])
        session = f"{session} {lap}"
    return {
        **turn,
        "coordinate": [number],
        "payload": {"n": number},
        "text": text,
        "session": session,
    }


def _crossed(first: str, second: str) -> str:
    ours, theirs = first.split(), second.split()
    return " ".join([*ours[: (len(ours) + 1) // 2], *theirs[len(theirs) // 2 :]])
