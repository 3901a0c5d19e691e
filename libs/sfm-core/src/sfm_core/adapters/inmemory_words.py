"""The WordSearch in memory, over memories that a store keeps."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sfm_core.adapters.inmemory_rows import admits
from sfm_core.lexical.analysis import Analyzer
from sfm_core.model import ListQuery, Memory, RecallQuery
from sfm_core.trigrams import FUZZY_THRESHOLD, word_similarity

_ENGLISH: Final = Analyzer("english")
_EMPTY: Final = frozenset(
    _ENGLISH.terms("a an the is are was do does what who when of in on to and")
)
"""A few of what PostgreSQL's dictionary leaves out; which ones exactly is no promise."""


def by_words(
    memories: Iterable[Memory], query: RecallQuery, now: datetime, limit: int
) -> Sequence[UUID]:
    """`WordSearch.by_words` over all memories of a namespace."""
    wanted = frozenset(_ENGLISH.terms(query.query)) - _EMPTY
    asked = ListQuery(kind=query.kind, filter=query.filter, since=query.since, until=query.until)
    able = [one for one in memories if admits(asked, one, now) and _is_inside(query, one)]
    shared = [(len(wanted.intersection(_ENGLISH.terms(one.text))), one) for one in able]
    found = [one for count, one in sorted(shared, key=_best_first) if count]
    if len(found) < min(query.top_k, limit):
        alike = [
            (word_similarity(query.query, one.text).similarity, one)
            for one in able
            if one not in found
        ]
        found += [one for how, one in sorted(alike, key=_best_first) if how >= FUZZY_THRESHOLD]
    return [one.id for one in found[:limit]]


def _best_first(scored: tuple[float, Memory]) -> tuple[float, float, UUID]:
    score, memory = scored
    return -score, -memory.created_at.timestamp(), memory.id


def _is_inside(query: RecallQuery, memory: Memory) -> bool:
    axes, box = memory.coordinate.axes, query.box
    return box is None or (
        len(axes) == len(box.low)
        and all(
            low <= axis <= high for axis, low, high in zip(axes, box.low, box.high, strict=True)
        )
    )
