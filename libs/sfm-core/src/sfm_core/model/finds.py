"""Finding by place and by words: what is asked, and what is found."""

from dataclasses import dataclass
from enum import StrEnum

from sfm_core.filters import Filter
from sfm_core.model.memories import Kind, Memory
from sfm_core.model.recalls import Box, Snippet


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeQuery:
    """Live memories inside a box, by (first axis, id)."""

    box: Box
    limit: int = 100
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeywordQuery:
    """Live memories whose text has the term, or something like it."""

    term: str
    exact: bool = False
    """Only where the term stands as it is, between no letters or digits."""
    case_sensitive: bool = False
    """Only where it stands in the same case; similarity knows no case, so none is looked for."""
    top_k: int = 50
    kind: Kind | None = None
    filter: Filter | None = None


class Match(StrEnum):
    """How a term is in a text; the better one first."""

    WORD = "word"
    """As it is, with no letter or digit right before or behind it."""
    PART = "part"
    """As it is, but inside a longer word."""
    FUZZY = "fuzzy"
    """Not as it is, but something like it: `word_similarity` at the threshold or above."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """A memory with the term in its text, as a store finds it."""

    memory: Memory
    match: Match
    similarity: float
    """pg_trgm's `word_similarity(term, text)` for a fuzzy match; 1 for the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Where in a text, in code points; `end` is exclusive."""

    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeywordHit:
    """A memory with the term in its text, as it is answered."""

    memory: Memory
    score: float
    """In (0, 1]: whole words 1, parts of words `PART_SCORE`, else similarity by `FUZZY_SCORE`."""
    match: Match
    snippet: Snippet
    """The passage around the place, which is marked; the beginning, unmarked, where the place is
    not known: a fuzzy match far inside a long text is not located."""
