"""Snippets and budgets against what is obvious about them."""

from datetime import UTC, datetime
from itertools import pairwise
from uuid import uuid4

from hypothesis import given, settings
from hypothesis import strategies as st

from sfm_core.coordinates import Coordinate
from sfm_core.jsontext import dumps
from sfm_core.lexical.analysis import Analyzer
from sfm_core.model import Hit, Memory, MemoryDraft, RecallQuery
from sfm_core.recall.budgets import Spending, cost, estimated_tokens
from sfm_core.recall.snippets import MAX_CHARS, SEARCHED_CHARS, Snippets

ANALYZER = Analyzer("english")
WORD = st.sampled_from(["tea", "teas", "kettle,", "the", "garden's", "x" * 90, "お茶が好き", "a"])
TEXT = st.lists(WORD, max_size=120).map(" ".join) | st.text(max_size=400)


def snippets(question: str) -> Snippets:
    return Snippets(ANALYZER.terms(question), ANALYZER)


def most_terms_in_a_passage(text: str, wanted: set[str]) -> int:
    """By trying each stretch between two words."""
    words = [(i, i + len(w)) for i, w in positions(text)]
    best = 0
    for start, _ in words:
        held = {
            t
            for a, b in words
            if a >= start and b - start <= MAX_CHARS
            for t in ANALYZER.terms(text[a:b])
        }
        best = max(best, len(held & wanted))
    return best


def positions(text: str) -> list[tuple[int, str]]:
    found, at = [], 0
    for word in text.split():
        at = text.index(word, at)
        found.append((at, word))
        at += len(word)
    return found


@settings(max_examples=200, deadline=None)
@given(TEXT, st.sampled_from(["tea", "tea in the garden", "kettle tea", "お茶", ""]))
def test_a_snippet_is_a_bounded_part_of_the_text_with_its_marks_on_matching_words(
    text: str, question: str
) -> None:
    snippet = snippets(question).of(text)
    assert len(snippet.text) <= MAX_CHARS
    assert text[snippet.start : snippet.start + len(snippet.text)] == snippet.text
    assert all(0 <= start < end <= len(snippet.text) for start, end in snippet.marks)
    assert all(first[1] < second[0] for first, second in pairwise(snippet.marks))
    assert snippets(question).of(text) == snippet


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(["tea", "rain", "soup", "lisbon", "of", "w" * 30]), max_size=60))
def test_no_other_passage_has_more_words_of_the_question(words: list[str]) -> None:
    text, wanted = " ".join(words), {"tea", "rain", "soup"}
    snippet = snippets("tea rain soup").of(text)
    marked = {t for a, b in snippet.marks for t in ANALYZER.terms(snippet.text[a:b])}
    assert len(marked & wanted) == most_terms_in_a_passage(text, wanted)


def test_a_snippet_comes_from_the_middle_of_a_long_text_and_begins_and_ends_with_words() -> None:
    text = "filler words here. " * 200 + "The kettle is broken." + " and more of it" * 200
    snippet = snippets("broken kettle").of(text)
    assert "The kettle is broken." in snippet.text
    assert [snippet.text[a:b] for a, b in snippet.marks] == ["kettle", "broken."]
    assert text[snippet.start - 1] == " "
    assert snippet.start > 1000


def test_without_a_match_a_snippet_is_the_beginning() -> None:
    snippet = snippets("zebra").of("  one two three " + "x " * 500)
    assert snippet.start == 2
    assert snippet.text.startswith("one two three")
    assert snippet.marks == ()


def test_stems_and_character_pairs_match_as_they_do_in_the_index() -> None:
    assert snippets("drinking").of("Ada drinks tea").marks == ((4, 10),)
    assert snippets("好き").of("お茶が好きです").marks == ((3, 5),)


def test_a_text_is_searched_up_to_a_bound() -> None:
    text = "a " * (SEARCHED_CHARS // 2) + "kettle"
    assert snippets("kettle").of(text).marks == ()


def a_hit(said: str) -> Hit:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    memory = Memory(
        namespace="acme", coordinate=Coordinate.of([1]), id=uuid4(), version=1, position=1,
        draft=MemoryDraft(payload={"said": said}), text=said, created_at=at, updated_at=at,
    )  # fmt: skip
    return Hit(memory=memory, score=0.5, importance_norm=1.0)


@given(st.lists(st.text(max_size=80), max_size=12), st.integers(1, 120), st.booleans())
def test_the_hits_of_a_budget_fit_and_each_left_out_one_would_not_have(
    texts: list[str], limit: int, with_text: bool
) -> None:
    query = RecallQuery(query="x", include_text=with_text, budget_tokens=limit)
    hits = [a_hit(text) for text in texts]
    spending = Spending(limit)
    taken = spending.taken(hits, query)
    costs = [-(-len(dumps({"said": t})) // 4) + with_text * -(-len(t.encode()) // 4) for t in texts]
    used, kept = 0, []
    for hit, tokens in zip(hits, costs, strict=True):
        assert cost(hit, query) == tokens
        if used + tokens <= limit:
            used += tokens
            kept.append((hit.memory.id, tokens))
    assert [(hit.memory.id, hit.tokens) for hit in taken] == kept
    assert spending.budget.used == used <= limit
    assert len(spending.budget.left_out) == len(hits) - len(kept)


def test_tokens_are_counted_from_bytes_rounded_up() -> None:
    assert [estimated_tokens(t) for t in ("", "a", "abcd", "abcde", "お茶")] == [0, 1, 1, 2, 2]
