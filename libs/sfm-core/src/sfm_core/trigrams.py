"""Trigrams as PostgreSQL's `pg_trgm` has them, and its `word_similarity`.

A text is cut into words (runs of letters and digits), each in lower case with two blanks before
and one behind; its trigrams are those of its words, in order. Tested against the server.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from sfm_core.model import Span

FUZZY_THRESHOLD: Final = 0.5
"""Least `word_similarity` of a fuzzy match: a letter left out or doubled in a word of five or more,
one exchanged in a word of eight or more (docs/adr/106)."""
_NOWHERE: Final = -1


def folded(text: str) -> str:
    """The text in lower case, character by character: as long as it was."""
    if text.isascii():
        return text.lower()
    return "".join(c.lower()[0] for c in text)


def is_word_character(character: str) -> bool:
    return character.isalnum()


@dataclass(frozen=True, slots=True)
class Placed:
    """A trigram, and the piece of the text that its letters come from."""

    trigram: str
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    similarity: float
    """In [0, 1], of single precision, as the server computes it."""
    span: Span | None
    """The piece of the text that is most like the term; None: nothing is."""


def trigrams(text: str) -> list[Placed]:
    """In order of the text, repeated as they are."""
    found: list[Placed] = []
    for start, word in _words(text):
        padded = f"  {folded(word)} "
        end = start + len(word)
        found += [
            Placed(
                padded[i : i + 3],
                Span(start=max(start, start + i - 2), end=min(end, start + i + 1)),
            )
            for i in range(len(padded) - 2)
        ]
    return found


def word_similarity(term: str, text: str) -> Likeness:
    """pg_trgm's `word_similarity(term, text)`, and where.

    The greatest similarity (common trigrams over all trigrams) between the term's set of
    trigrams and that of any stretch of the text's trigrams, as the server's search for that
    stretch finds it: greedy, from each end of a stretch that is in the term.
    """
    wanted = {placed.trigram for placed in trigrams(term)}
    placed = trigrams(text)
    if not wanted or not placed:
        return Likeness(similarity=0.0, span=None)
    return _Search(wanted, placed).run()


def _words(text: str) -> Iterator[tuple[int, str]]:
    for is_word, run in groupby(enumerate(text), key=lambda item: is_word_character(item[1])):
        if is_word:
            characters = list(run)
            yield characters[0][0], "".join(c for _, c in characters)


class _Search:
    """pg_trgm's `iterate_word_similarity`: the state it keeps over the text's trigrams."""

    def __init__(self, wanted: set[str], placed: Sequence[Placed]) -> None:
        self._wanted = len(wanted)
        self._placed = placed
        numbers: dict[str, int] = {}
        self._ids = [numbers.setdefault(p.trigram, len(numbers)) for p in placed]
        self._is_wanted = [name in wanted for name in numbers]
        self._last = [_NOWHERE] * len(numbers)
        self._lower = _NOWHERE
        self._distinct = 0
        self._common = 0
        self._best = 0.0
        self._best_at: tuple[int, int] | None = None

    def run(self) -> Likeness:
        for upper, number in enumerate(self._ids):
            if self._lower >= 0 or self._is_wanted[number]:
                if self._last[number] < 0:
                    self._distinct += 1
                    self._common += self._is_wanted[number]
                self._last[number] = upper
            if self._is_wanted[number]:
                self._close(upper)
        if self._best_at is None:
            return Likeness(similarity=0.0, span=None)
        first, last = self._best_at
        span = Span(start=self._placed[first].span.start, end=self._placed[last].span.end)
        return Likeness(similarity=self._best, span=span)

    def _close(self, upper: int) -> None:
        """Take the stretch that ends here, shortened from below to where it is most like."""
        if self._lower == _NOWHERE:
            self._lower = upper
            self._distinct = 1
        before = self._lower
        current = self._similarity(self._common, self._distinct)
        common, distinct = self._common, self._distinct
        for lower in range(before, upper + 1):
            shorter = self._similarity(common, distinct)
            if shorter > current:
                current = shorter
                self._lower, self._common, self._distinct = lower, common, distinct
            number = self._ids[lower]
            if self._last[number] == lower:
                distinct -= 1
                common -= self._is_wanted[number]
        if current > self._best:
            self._best, self._best_at = current, (self._lower, upper)
        for lower in range(before, self._lower):
            number = self._ids[lower]
            if self._last[number] == lower:
                self._last[number] = _NOWHERE

    def _similarity(self, common: int, distinct: int) -> float:
        total = self._wanted + distinct - common
        return _single(common / total) if total else 0.0


def _single(value: float) -> float:
    found: float = struct.unpack("f", struct.pack("f", value))[0]
    return found
