"""From what a caller sends to the writes that do it: one write per item, in order."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sfm_core.coordinates import Coordinate
from sfm_core.model import F32, Keep, Memory, MemoryDraft, Precondition, Upsert, Write
from sfm_core.ports import Embedder, RecordStore
from sfm_core.remember.content import content_key, derived_coordinate, merged, same_content
from sfm_core.text import effective_text, indexed_text

_PROBES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One memory to write; without a coordinate it gets the one its content has, or a new one."""

    draft: MemoryDraft
    coordinate: Coordinate | None = None
    precondition: Precondition | None = None


@dataclass(slots=True)
class _Intent:
    """What will be written, before it is known how it is embedded."""

    draft: MemoryDraft
    key: int
    coordinate: Coordinate | None = None
    """None: to be derived from the vector."""
    precondition: Precondition | None = None
    keep: bool = False
    like: "_Intent | None" = None
    """An earlier item of the same call with the same content: same place."""

    @property
    def text(self) -> str:
        return effective_text(self.draft)

    @property
    def indexed(self) -> str:
        return indexed_text(self.text, source=self.draft.source, occurred_at=self.draft.occurred_at)


@dataclass(slots=True, kw_only=True)
class Planner:
    """Plans one call; asked again after a lost race, it looks again but embeds nothing twice."""

    records: RecordStore
    embedder: Embedder
    namespace: str
    now: datetime
    _vectors: dict[str, F32] = field(default_factory=dict)
    _asked: int = 0

    async def plan(self, items: Sequence[Item]) -> list[Write]:
        """One write per item.

        Raises:
            Unavailable: the embedder or the store does not answer.
        """
        known = await self._known(items)
        intents = list(_intents(items, known, self.now))
        await self._embed(intents)
        taken = await self._taken(intents) if self._asked else {}
        self._asked += 1
        revision = self.embedder.info.model_revision
        writes: list[Write] = []
        for intent in intents:
            if intent.coordinate is None:
                intent.coordinate = self._place(intent, taken)
            writes.append(_write(intent, intent.coordinate, self._vectors, revision))
        return writes

    async def _known(self, items: Sequence[Item]) -> Mapping[int, Memory]:
        keys = {content_key(item.draft) for item in items if item.coordinate is None}
        return await self.records.by_content(self.namespace, keys) if keys else {}

    async def _embed(self, intents: Sequence[_Intent]) -> None:
        wanted = {intent.indexed for intent in intents if not intent.keep}
        texts = sorted(wanted - self._vectors.keys())
        if texts:
            rows = await self.embedder.embed(texts)
            self._vectors |= dict(zip(texts, rows, strict=True))

    async def _taken(self, intents: Sequence[_Intent]) -> Mapping[Coordinate, Memory]:
        """What lives at the places that would be derived: asked only after a lost race."""
        places = {
            place
            for intent in intents
            if intent.coordinate is None and intent.like is None
            for place in self._probed(intent)
        }
        return await self.records.get(self.namespace, places)

    def _place(self, intent: _Intent, taken: Mapping[Coordinate, Memory]) -> Coordinate:
        if intent.like is not None and intent.like.coordinate is not None:
            return intent.like.coordinate
        places = list(self._probed(intent))
        return next((place for place in places if place not in taken), places[-1])

    def _probed(self, intent: _Intent) -> Iterator[Coordinate]:
        vector = self._vectors[intent.indexed]
        for probe in range(_PROBES):
            yield derived_coordinate(vector, intent.key, probe=probe)


def _intents(
    items: Sequence[Item], known: Mapping[int, Memory], now: datetime
) -> Iterator[_Intent]:
    planned: dict[int, _Intent] = {}
    for item in items:
        key = content_key(item.draft)
        if item.coordinate is not None:
            yield _Intent(item.draft, key, item.coordinate, item.precondition)
            continue
        before, memory = planned.get(key), known.get(key)
        if before is not None and same_content(before.draft, item.draft):
            intent = _repeated(before, item.draft)
        elif memory is not None and same_content(memory.draft, item.draft):
            intent = _remembered(memory, item.draft, key, now)
        else:
            intent = _Intent(item.draft, key, precondition=Precondition(absent=True))
        planned[key] = intent
        yield intent


def _remembered(memory: Memory, said: MemoryDraft, key: int, now: datetime) -> _Intent:
    """Remembering what is there: nothing, or what is said anew; an expired one comes back."""
    unchanged = Precondition(version=memory.version)
    expires_at = memory.draft.expires_at
    if expires_at is not None and expires_at <= now:
        return _Intent(said, key, memory.coordinate, unchanged)
    draft = merged(memory.draft, said)
    return _Intent(draft, key, memory.coordinate, unchanged, keep=draft == memory.draft)


def _repeated(before: _Intent, said: MemoryDraft) -> _Intent:
    draft = merged(before.draft, said)
    return _Intent(draft, before.key, before.coordinate, keep=draft == before.draft, like=before)


def _write(
    intent: _Intent, coordinate: Coordinate, vectors: Mapping[str, F32], revision: str
) -> Write:
    if intent.keep:
        return Keep(coordinate=coordinate, precondition=intent.precondition)
    return Upsert(
        coordinate=coordinate,
        draft=intent.draft,
        text=intent.text,
        vector=vectors[intent.indexed],
        model_revision=revision,
        content_key=intent.key,
        precondition=intent.precondition,
    )
