"""Where a term is in a text, and the passage around it."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfm_core.coordinates import memory_id
from sfm_core.find.places import FUZZY_SCORE, MAX_CHARS, PART_SCORE, hit_of, snippet_of
from sfm_core.model import KeywordQuery, Match, Matched, Memory, MemoryDraft, Span
from sfm_core.testing.writes import at

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def matched(text: str, match: Match, similarity: float = 1.0) -> Matched:
    memory = Memory(
        namespace="n",
        coordinate=at("1"),
        id=memory_id("n", at("1")),
        version=1,
        position=1,
        draft=MemoryDraft(payload={}),
        text=text,
        created_at=NOW,
        updated_at=NOW,
    )
    return Matched(memory=memory, match=match, similarity=similarity)


def marked(term: str, text: str, match: Match, *, case: bool = False) -> list[str]:
    snippet = hit_of(KeywordQuery(term=term, case_sensitive=case), matched(text, match)).snippet
    assert text[snippet.start : snippet.start + len(snippet.text)] == snippet.text
    return [snippet.text[start:end] for start, end in snippet.marks]


def test_a_whole_word_is_marked_rather_than_a_part_before_it() -> None:
    hit = hit_of(KeywordQuery(term="tea"), matched("steam and Tea", Match.WORD))
    assert hit.snippet.marks == ((10, 13),)


def test_each_kind_of_match_marks_its_place() -> None:
    assert marked("TEA", "green teas", Match.PART) == ["tea"]
    assert marked("Tea", "tea, Tea", Match.WORD, case=True) == ["Tea"]
    assert marked("kettle", "the ketle leaks", Match.FUZZY) == ["ketle"]
    assert marked("aa", "xaaay aa", Match.WORD) == ["aa"]
    assert marked("\u0130x", "say \u0130X", Match.WORD) == ["\u0130X"]


def test_a_fuzzy_place_far_inside_a_long_text_is_not_told() -> None:
    hit = hit_of(KeywordQuery(term="kettle"), matched("word " * 3000 + "ketle", Match.FUZZY))
    assert (hit.snippet.marks, hit.snippet.start) == ((), 0)
    assert len(hit.snippet.text) <= MAX_CHARS


@pytest.mark.parametrize(
    ("match", "similarity", "score"),
    [(Match.WORD, 1.0, 1.0), (Match.PART, 1.0, PART_SCORE), (Match.FUZZY, 0.5, FUZZY_SCORE / 2)],
)
def test_scores_keep_the_order_of_matches(match: Match, similarity: float, score: float) -> None:
    hit = hit_of(KeywordQuery(term="tea"), matched("tea", match, similarity))
    assert hit.score == score
    assert FUZZY_SCORE < PART_SCORE < 1.0


@given(
    text=st.text(alphabet="ab é\n", max_size=900),
    where=st.tuples(st.integers(0, 900), st.integers(0, 300)),
)
def test_a_snippet_is_a_piece_of_the_text_with_the_place_in_it(
    text: str, where: tuple[int, int]
) -> None:
    start = min(where[0], len(text))
    span = Span(start=start, end=min(len(text), start + where[1]))
    snippet = snippet_of(text, span)
    assert len(snippet.text) <= MAX_CHARS
    assert text[snippet.start : snippet.start + len(snippet.text)] == snippet.text
    [(low, high)] = snippet.marks
    assert snippet.start + low == span.start
    shown = min(span.end, snippet.start + len(snippet.text))
    assert snippet.start + high == shown
    if span.end - span.start <= MAX_CHARS:
        assert shown == span.end


def test_a_snippet_is_cut_between_words() -> None:
    text = " ".join(f"word{i}" for i in range(200))
    place = text.index("word100")
    snippet = snippet_of(text, Span(start=place, end=place + 7))
    assert set(snippet.text.split()) <= set(text.split())
    assert "word99 word100 word101" in snippet.text
