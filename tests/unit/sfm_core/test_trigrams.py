"""Trigrams and word similarity, by hand; against the server in tests/integration."""

import pytest

from sfm_core.trigrams import FUZZY_THRESHOLD, folded, trigrams, word_similarity


def test_a_word_has_two_blanks_before_and_one_behind() -> None:
    assert [placed.trigram for placed in trigrams("Cat")] == ["  c", " ca", "cat", "at "]


def test_words_are_runs_of_letters_and_digits_and_each_has_its_own() -> None:
    words = [placed.trigram for placed in trigrams("a_b, c-4")]
    assert words == ["  a", " a ", "  b", " b ", "  c", " c ", "  4", " 4 "]
    assert trigrams(" .,_-") == []


@pytest.mark.parametrize(
    ("term", "text", "similarity"),
    [
        ("word", "two words", 0.8),
        ("word", "word", 1.0),
        ("word", "a long text with the word inside", 1.0),
        ("e-mail", "send an e mail", 1.0),
        ("cat", "dog", 0.0),
        ("cat", "", 0.0),
        ("", "cat", 0.0),
        ("?!", "cat", 0.0),
    ],
)
def test_similarity_is_that_of_the_best_stretch_of_the_text(
    term: str, text: str, similarity: float
) -> None:
    assert word_similarity(term, text).similarity == pytest.approx(similarity)


def test_the_stretch_is_told_without_the_blanks_of_its_trigrams() -> None:
    text = "Bring the ketle, please"
    span = word_similarity("kettle", text).span
    assert span is not None
    assert text[span.start : span.end] == "ketle"


@pytest.mark.parametrize(("term", "text"), [("kettle", "ketle"), ("kettle", "kettlle")])
def test_a_slip_in_a_word_stays_above_the_threshold(term: str, text: str) -> None:
    assert word_similarity(term, f"x {text} y").similarity >= FUZZY_THRESHOLD


def test_folding_keeps_the_length() -> None:
    for text in ("İstanbul", "STRASSE ẞ", "ΟΔΥΣΣΕΥΣ", "ÀÉ", "plain"):
        assert len(folded(text)) == len(text)
    assert folded("ΟΔΟΣ") == "οδοσ"
