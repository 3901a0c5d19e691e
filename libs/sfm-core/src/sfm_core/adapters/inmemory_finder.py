"""The Finder in memory, over what an `InMemoryStore` keeps."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import anyio.lowlevel

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_rows import admits, listed_at
from sfm_core.adapters.keyset import decode_place, encode_place
from sfm_core.adapters.windows import fitting, memory_bytes
from sfm_core.model import (
    Box,
    KeywordQuery,
    ListQuery,
    Match,
    Matched,
    Memory,
    Page,
    RangeQuery,
)
from sfm_core.trigrams import FUZZY_THRESHOLD, folded, word_similarity

_ORDER: Final = list(Match)


class InMemoryFinder:
    """Implements `Finder` for tests and trials."""

    def __init__(self, store: InMemoryStore) -> None:
        self._store = store

    async def inside(self, namespace: str, query: RangeQuery, *, now: datetime) -> Page:
        await anyio.lowlevel.checkpoint()
        behind = decode_place(query.cursor, start=query.box.low[0])
        anything = ListQuery()
        places = sorted(
            ((memory.coordinate.axes[0], memory.id), memory)
            for memory in self._store.live(namespace)
            if _is_inside(query.box, memory) and admits(anything, memory, now)
        )
        left = [memory for place, memory in places if place > behind]
        page = tuple(fitting(left, memory_bytes, query.limit))
        if len(left) == len(page):
            return Page(memories=page, next_cursor=None)
        last = page[-1]
        return Page(memories=page, next_cursor=encode_place(last.coordinate.axes[0], last.id))

    async def with_term(
        self, namespace: str, query: KeywordQuery, *, now: datetime
    ) -> Sequence[Matched]:
        await anyio.lowlevel.checkpoint()
        asked = ListQuery(kind=query.kind, filter=query.filter)
        memories = [m for m in self._store.live(namespace) if admits(asked, m, now)]
        youngest_first = sorted(memories, key=listed_at, reverse=True)
        found = [one for memory in youngest_first if (one := _matched(query, memory)) is not None]
        found.sort(key=lambda one: (_ORDER.index(one.match), -one.similarity))
        return fitting(found, lambda one: memory_bytes(one.memory), query.top_k)


def _is_inside(box: Box, memory: Memory) -> bool:
    axes = memory.coordinate.axes
    return len(axes) == len(box.low) and all(
        low <= axis <= high for low, axis, high in zip(box.low, axes, box.high, strict=True)
    )


def _matched(query: KeywordQuery, memory: Memory) -> Matched | None:
    term, text = query.term, memory.text
    if not query.case_sensitive:
        term, text = folded(term), folded(text)
    if _is_whole(term, text):
        return Matched(memory=memory, match=Match.WORD, similarity=1.0)
    if query.exact:
        return None
    if term in text:
        return Matched(memory=memory, match=Match.PART, similarity=1.0)
    if query.case_sensitive:
        return None
    similarity = word_similarity(term, text).similarity
    if similarity < FUZZY_THRESHOLD:
        return None
    return Matched(memory=memory, match=Match.FUZZY, similarity=similarity)


def _is_whole(term: str, text: str) -> bool:
    return re.search(rf"(?<![^\W_]){re.escape(term)}(?![^\W_])", text) is not None
