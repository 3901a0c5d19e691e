"""The passage of a text that says most about a question: by words, with marks on them. Pure."""

import re
from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from sfm_core.lexical.analysis import BIGRAM_SCRIPTS, Analyzer
from sfm_core.model import Snippet

MAX_CHARS: Final = 240
"""Of a snippet, in code points."""
SEARCHED_CHARS: Final = 1 << 16
"""So much of a text is looked through; a passage further on is not found."""

_PIECES: Final = re.compile(rf"[{BIGRAM_SCRIPTS}]|[^\s{BIGRAM_SCRIPTS}]+")


@dataclass(frozen=True, slots=True)
class _Match:
    start: int
    end: int
    terms: frozenset[str]


class Snippets:
    """For the terms of one question; remembers which words match.

    The passage is the stretch of at most `MAX_CHARS` with the most distinct terms of the
    question, then the most matching words, then the first. It begins and ends where words do,
    spreads evenly around its matches, and equals a part of the text. Without a match it is the
    beginning.
    """

    def __init__(self, terms: Collection[str], analyzer: Analyzer) -> None:
        self._wanted = frozenset(terms)
        self._analyzer = analyzer
        self._known: dict[str, frozenset[str]] = {}

    def of(self, text: str) -> Snippet:
        """Linear in the length of the text, up to `SEARCHED_CHARS`."""
        text = text[:SEARCHED_CHARS]
        pieces = [found.span() for found in _PIECES.finditer(text)]
        matches = self._matches(text, pieces)
        first, last = _densest(matches)
        if first == last:
            start, end = _stretched(pieces, 0, 0)
        else:
            start, end = _stretched(pieces, matches[first].start, matches[last - 1].end)
        marks = tuple(
            (max(match.start, start) - start, min(match.end, end) - start)
            for match in matches
            if match.start < end and match.end > start
        )
        return Snippet(text=text[start:end], start=start, marks=_joined(marks))

    def _matches(self, text: str, pieces: Sequence[tuple[int, int]]) -> list[_Match]:
        found: list[_Match] = []
        for i, (start, end) in enumerate(pieces):
            word = text[start:end]
            if end - start == 1 and i + 1 < len(pieces) and pieces[i + 1] == (end, end + 1):
                terms = self._terms(text[start : end + 1])  # a pair of characters, as indexed
                stop = end + 1
            else:
                terms, stop = self._terms(word), end
            if terms:
                found.append(_Match(start, stop, terms))
        return found

    def _terms(self, word: str) -> frozenset[str]:
        known = self._known.get(word)
        if known is None:
            known = self._wanted.intersection(self._analyzer.terms(word[:MAX_CHARS]))
            self._known[word] = known
        return known


def _densest(matches: Sequence[_Match]) -> tuple[int, int]:
    """The best run of matches [first, last) that fits into a snippet; empty without matches."""
    counts: dict[str, int] = {}
    best, place = (0, 0), (0, 0)
    first = 0
    for last, match in enumerate(matches):
        for term in match.terms:
            counts[term] = counts.get(term, 0) + 1
        while match.end - matches[first].start > MAX_CHARS and first < last:
            for term in matches[first].terms:
                counts[term] -= 1
                if not counts[term]:
                    del counts[term]
            first += 1
        if (len(counts), last + 1 - first) > best:
            best, place = (len(counts), last + 1 - first), (first, last + 1)
    return place


def _stretched(pieces: Sequence[tuple[int, int]], low: int, high: int) -> tuple[int, int]:
    """The words around [low, high), as many on both sides as fit; cut only where one word is
    longer than all that fits.
    """
    if not pieces:
        return 0, 0
    left = max(0, bisect_right(pieces, (low, float("inf"))) - 1)
    right = max(left, bisect_right(pieces, (high, -1)) - 1)
    start = pieces[left][0]
    end = max(pieces[right][1], min(high, start + MAX_CHARS))
    if end - start > MAX_CHARS:
        return start, start + MAX_CHARS
    while True:
        before = end - pieces[left - 1][0] <= MAX_CHARS if left else False
        after = right + 1 < len(pieces) and pieces[right + 1][1] - start <= MAX_CHARS
        if after and (not before or high + (low - start) >= end):
            right += 1
            end = pieces[right][1]
        elif before:
            left -= 1
            start = pieces[left][0]
        else:
            return start, end


def _joined(marks: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Overlapping or touching marks as one."""
    found: list[tuple[int, int]] = []
    for start, end in marks:
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return tuple(found)
