"""Where in a text the term is, and the piece of the text to show."""

import re
from typing import Final

from sfm_core.model import KeywordHit, KeywordQuery, Match, Matched, Snippet, Span
from sfm_core.trigrams import folded, is_word_character, word_similarity

PART_SCORE: Final = 0.75
FUZZY_SCORE: Final = 0.7
"""Below `PART_SCORE`, so that what is there ranks over what is only alike."""
MAX_CHARS: Final = 240
"""Of a snippet, in code points, as in a recall's."""
SEARCHED_CHARS: Final = 8192
"""A fuzzy place is looked for in so much of a text: it costs a microsecond or two each."""


def hit_of(query: KeywordQuery, matched: Matched) -> KeywordHit:
    """What is told of a found memory."""
    text = matched.memory.text
    where = _fuzzy(query.term, text) if matched.match is Match.FUZZY else _literal(query, text)
    return KeywordHit(
        memory=matched.memory,
        score=_score(matched),
        match=matched.match,
        snippet=snippet_of(text, where),
    )


def snippet_of(text: str, where: Span | None) -> Snippet:
    """At most `MAX_CHARS` of the text around a place; cut between words, unless one is longer
    than a third of that.
    """
    place = where or Span(start=0, end=0)
    low, high = 0, len(text)
    if high > MAX_CHARS:
        room = max(0, MAX_CHARS - (place.end - place.start))
        low = min(max(0, place.start - room // 2), high - MAX_CHARS)
        high = low + MAX_CHARS
        low = _word_start(text, low, min(place.start, low + MAX_CHARS // 3))
        high = _word_end(text, max(place.end, high - MAX_CHARS // 3), high)
    marks = () if where is None else ((place.start - low, min(place.end, high) - low),)
    return Snippet(text=text[low:high], start=low, marks=marks)


def _score(matched: Matched) -> float:
    if matched.match is Match.FUZZY:
        return FUZZY_SCORE * matched.similarity
    return 1.0 if matched.match is Match.WORD else PART_SCORE


def is_word_at(text: str, start: int, end: int) -> bool:
    """No letter or digit stands right before or behind."""
    before = start > 0 and is_word_character(text[start - 1])
    behind = end < len(text) and is_word_character(text[end])
    return not before and not behind


def _literal(query: KeywordQuery, text: str) -> Span | None:
    """The first place as whole words, else the first at all."""
    term = query.term
    if not query.case_sensitive:
        term, text = folded(term), folded(text)
    places = (m.start() for m in re.finditer(f"(?={re.escape(term)})", text))
    first: Span | None = None
    for start in places:
        place = Span(start=start, end=start + len(term))
        if is_word_at(text, place.start, place.end):
            return place
        first = first or place
    return first


def _fuzzy(term: str, text: str) -> Span | None:
    return word_similarity(term, text).span if len(text) <= SEARCHED_CHARS else None


def _word_start(text: str, low: int, limit: int) -> int:
    """The first place in `low..limit` at which a word begins; `low` when there is none."""
    if low == 0:
        return low
    blank = text.find(" ", low - 1, limit)
    return low if blank < 0 else blank + 1


def _word_end(text: str, limit: int, high: int) -> int:
    if high == len(text):
        return high
    blank = text.rfind(" ", limit, high + 1)
    return high if blank < 0 else blank
