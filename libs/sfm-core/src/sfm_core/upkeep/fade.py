"""Memories without the keys that time took: what is written of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, final
from uuid import UUID

from sfm_core.coordinates import Coordinate
from sfm_core.model import (
    F32,
    Effect,
    EventType,
    Memory,
    MemoryDraft,
    Precondition,
    Stamp,
    Upsert,
)
from sfm_core.offload import off_loop
from sfm_core.ports import Embedder, RecordStore
from sfm_core.remember import content_key
from sfm_core.text import effective_text, indexed_text
from sfm_core.upkeep.rules import without

_DECAYED: Final = Stamp(event=EventType.DECAYED)


@dataclass(frozen=True, slots=True)
class _Faded:
    memory: Memory
    draft: MemoryDraft
    key: int
    text: str
    indexed: str
    is_same: bool
    """What is indexed stays as it was."""


@final
class Fader:
    """Makes the writes of decays; embeds only where the indexed text becomes another one."""

    def __init__(self, *, records: RecordStore, embedder: Embedder) -> None:
        self._records = records
        self._embedder = embedder

    async def writes(
        self, namespace: str, effects: Mapping[Coordinate, Effect]
    ) -> dict[Coordinate, Upsert]:
        """By coordinate; none for a memory that has another version by now.

        Raises:
            Unavailable: the store or the embedder does not answer.
        """
        if not effects:
            return {}
        found = await self._records.get(namespace, effects.keys())
        memories = [m for at, m in found.items() if m.version == effects[at].version]
        faded = await off_loop(
            lambda: [_faded(memory, effects[memory.coordinate]) for memory in memories],
            when=len(memories) > 1,
        )
        vectors = await self._vectors(namespace, faded)
        return {
            one.memory.coordinate: Upsert(
                coordinate=one.memory.coordinate,
                draft=one.draft,
                text=one.text,
                vector=vectors[one.memory.id],
                model_revision=self._embedder.info.model_revision,
                content_key=one.key,
                precondition=Precondition(version=one.memory.version),
                stamp=_DECAYED,
            )
            for one in faded
        }

    async def _vectors(self, namespace: str, faded: Sequence[_Faded]) -> dict[UUID, F32]:
        found: dict[UUID, F32] = {}
        same = {one.memory.id: one.memory.version for one in faded if one.is_same}
        if same:
            revision = self._embedder.info.model_revision
            rows = await self._records.view_rows(namespace, same, model_revision=revision)
            found = {
                row.id: row.vector
                for row in rows
                if row.vector is not None and row.version == same[row.id]
            }
        rest = [one for one in faded if one.memory.id not in found]
        if rest:
            vectors = await self._embedder.embed([one.indexed for one in rest])
            found |= {one.memory.id: row for one, row in zip(rest, vectors, strict=True)}
        return found


def _faded(memory: Memory, effect: Effect) -> _Faded:
    draft = without(memory.draft, effect.removed)
    text = effective_text(draft)
    indexed = indexed_text(text, source=draft.source, occurred_at=draft.occurred_at)
    return _Faded(memory, draft, content_key(draft), text, indexed, text == memory.text)
