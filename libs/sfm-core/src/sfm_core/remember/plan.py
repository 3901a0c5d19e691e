"""From what a caller sends to the writes that do it: one write per item, in order."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sfm_core.coordinates import Coordinate
from sfm_core.model import F32, Keep, Memory, Upsert, Write
from sfm_core.offload import INLINE_ITEMS, off_loop
from sfm_core.ports import Embedder, RecordStore
from sfm_core.remember.content import content_key, derived_coordinate, same_content
from sfm_core.remember.intents import Intent, Item, intents_of

_PROBES: Final = 8


@dataclass(slots=True, kw_only=True)
class Planner:
    """Plans one call; asked again after a lost race, it looks again but embeds nothing twice."""

    records: RecordStore
    embedder: Embedder
    namespace: str
    now: datetime
    items: Sequence[Item]
    _keys: list[int] = field(default_factory=list)
    _vectors: dict[str, F32] = field(default_factory=dict)

    async def plan(self) -> list[Write]:
        """One write per item.

        Raises:
            Unavailable: the embedder or the store does not answer.
        """
        is_retried = bool(self._keys)
        if not is_retried:
            self._keys = await self._off_loop(lambda: [content_key(i.draft) for i in self.items])
        known = await self._known()
        intents = await self._off_loop(lambda: self._intents(known))
        await self._embed(intents)
        taken = await self._taken(intents) if is_retried else frozenset[Coordinate]()
        return await self._off_loop(lambda: self._writes(intents, taken))

    async def _off_loop[T](self, work: Callable[[], T]) -> T:
        return await off_loop(work, when=len(self.items) > INLINE_ITEMS)

    @property
    def _named(self) -> frozenset[Coordinate]:
        """The places that the call itself names."""
        return frozenset(i.coordinate for i in self.items if i.coordinate is not None)

    async def _known(self) -> dict[int, list[Memory]]:
        """By content key what may be the same memory: the oldest, and where that may not serve
        (the call writes to its place, or another content has the key) the oldest elsewhere.
        """
        drafts = {
            key: item.draft
            for key, item in zip(self._keys, self.items, strict=True)
            if item.coordinate is None
        }
        if not drafts:
            return {}
        first = await self.records.by_content(self.namespace, drafts.keys())
        known = {key: [memory] for key, memory in first.items()}
        named = self._named
        unfit = {
            key: memory.coordinate
            for key, memory in first.items()
            if memory.coordinate in named or not same_content(memory.draft, drafts[key])
        }
        if unfit:
            without = named.union(unfit.values())
            others = await self.records.by_content(self.namespace, unfit.keys(), without=without)
            for key, memory in others.items():
                known[key].append(memory)
        return known

    def _intents(self, known: Mapping[int, Sequence[Memory]]) -> list[Intent]:
        intents = list(intents_of(self.items, self._keys, known, self._named, self.now))
        for intent in intents:
            intent.say()
        return intents

    async def _embed(self, intents: Sequence[Intent]) -> None:
        wanted = {intent.indexed for intent in intents if not intent.keep}
        texts = sorted(wanted - self._vectors.keys())
        if texts:
            rows = await self.embedder.embed(texts)
            self._vectors |= dict(zip(texts, rows, strict=True))

    async def _taken(self, intents: Sequence[Intent]) -> frozenset[Coordinate]:
        """Where something lives of what would be derived: asked only after a lost race."""
        places = {
            place
            for intent in intents
            if intent.coordinate is None and intent.like is None
            for place in self._probed(intent)
        }
        return frozenset(await self.records.get(self.namespace, places))

    def _writes(self, intents: Sequence[Intent], taken: frozenset[Coordinate]) -> list[Write]:
        revision = self.embedder.info.model_revision
        used = set(taken | self._named)
        writes: list[Write] = []
        for intent in intents:
            if intent.coordinate is None:
                intent.coordinate = self._place(intent, used)
            writes.append(_write(intent, intent.coordinate, self._vectors, revision))
        return writes

    def _place(self, intent: Intent, used: set[Coordinate]) -> Coordinate:
        """A place of its own, also among what this call writes by coordinate."""
        if intent.like is not None and intent.like.coordinate is not None:
            return intent.like.coordinate
        places = list(self._probed(intent))
        found = next((place for place in places if place not in used), places[-1])
        used.add(found)
        return found

    def _probed(self, intent: Intent) -> Iterator[Coordinate]:
        vector = self._vectors[intent.indexed]
        for probe in range(_PROBES):
            yield derived_coordinate(vector, intent.key, probe=probe)


def _write(
    intent: Intent, coordinate: Coordinate, vectors: Mapping[str, F32], revision: str
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
