"""What becomes of each item of a call: a memory written, or the one that is there."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import final

from sfm_core.coordinates import Coordinate
from sfm_core.model import Memory, MemoryDraft, Precondition
from sfm_core.remember.content import merged, same_content
from sfm_core.text import effective_text, indexed_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One memory to write; without a coordinate it gets the one its content has, or a new one."""

    draft: MemoryDraft
    coordinate: Coordinate | None = None
    precondition: Precondition | None = None


@dataclass(slots=True)
class Intent:
    """What will be written, before it is known how it is embedded."""

    draft: MemoryDraft
    key: int
    coordinate: Coordinate | None = None
    """None: to be derived from the vector."""
    precondition: Precondition | None = None
    keep: bool = False
    like: "Intent | None" = None
    """An earlier item of the same call with the same content: same place."""
    text: str = ""
    indexed: str = ""

    def say(self) -> None:
        """Work out the texts; they cost something."""
        draft = self.draft
        self.text = effective_text(draft)
        self.indexed = indexed_text(self.text, source=draft.source, occurred_at=draft.occurred_at)


def intents_of(
    items: Sequence[Item],
    keys: Sequence[int],
    known: Mapping[int, Sequence[Memory]],
    named: Collection[Coordinate],
    now: datetime,
) -> Iterator[Intent]:
    """One intent per item.

    `keys` are the items' content keys, `known` the memories that may be the same, the oldest
    first, `named` every coordinate that an item has.
    """
    call = _Call(known, frozenset(named), now)
    for item, key in zip(items, keys, strict=True):
        if item.coordinate is None:
            yield call.remembered(item, key)
        else:
            yield call.placed(item, item.coordinate, key)


@final
@dataclass(slots=True)
class _Call:
    """What the items so far will have done when the next one's turn comes."""

    known: Mapping[int, Sequence[Memory]]
    named: frozenset[Coordinate]
    now: datetime
    found: dict[int, Intent] = field(default_factory=dict)
    """What was remembered of each content, as the last such item leaves it."""
    put: dict[int, list[Intent]] = field(default_factory=dict)
    """What was stored of each content by coordinate, as far as it is still there."""
    content_at: dict[Coordinate, int] = field(default_factory=dict)
    """The content key the call leaves at a place; what was known of the place is past."""

    def placed(self, item: Item, coordinate: Coordinate, key: int) -> Intent:
        before = self.content_at.get(coordinate)
        if before is not None:
            if before in self.found and self.found[before].coordinate == coordinate:
                del self.found[before]
            there = self.put.get(before, [])
            there[:] = [intent for intent in there if intent.coordinate != coordinate]
        intent = Intent(item.draft, key, coordinate, item.precondition)
        self.content_at[coordinate] = key
        self.put.setdefault(key, []).append(intent)
        return intent

    def remembered(self, item: Item, key: int) -> Intent:
        before = self._same(item, [self.found[key]] if key in self.found else [])
        memory = self._known_same(item, key) if before is None else None
        if memory is not None:
            intent = _revived_or_merged(memory, item.draft, key, self.now)
            self.content_at[memory.coordinate] = key
        elif before := before or self._same(item, self.put.get(key, [])):
            intent = _repeated(before, item.draft)
        else:
            intent = self._new(item.draft, key)
        self.found[key] = intent
        return intent

    def _same(self, item: Item, earlier: Sequence[Intent]) -> Intent | None:
        return next((i for i in earlier if same_content(i.draft, item.draft)), None)

    def _known_same(self, item: Item, key: int) -> Memory | None:
        """The oldest memory that says the same, if it is still as it was when the call began."""
        for memory in self.known.get(key, ()):
            if memory.coordinate not in self.content_at and same_content(memory.draft, item.draft):
                return memory
        return None

    def _new(self, draft: MemoryDraft, key: int) -> Intent:
        """A memory nobody has: neither what the call itself writes nor what has only the key."""
        passed_over = {memory.coordinate for memory in self.known.get(key, ())}
        alone = Precondition(absent=True, alone_but_at=self.named | passed_over)
        return Intent(draft, key, precondition=alone)


def _revived_or_merged(memory: Memory, said: MemoryDraft, key: int, now: datetime) -> Intent:
    """Remembering what is there: nothing, or what is said anew; an expired one comes back."""
    expires_at = memory.draft.expires_at
    if expires_at is not None and expires_at <= now:
        return Intent(said, key, memory.coordinate, Precondition(absent=True))
    unchanged = Precondition(version=memory.version)
    draft = merged(memory.draft, said)
    return Intent(draft, key, memory.coordinate, unchanged, keep=draft == memory.draft)


def _repeated(before: Intent, said: MemoryDraft) -> Intent:
    draft = merged(before.draft, said)
    return Intent(draft, before.key, before.coordinate, keep=draft == before.draft, like=before)
