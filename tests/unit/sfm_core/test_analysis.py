"""The analyzer: what becomes a term."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfm_core.errors import Misconfigured
from sfm_core.lexical import analysis
from sfm_core.lexical.analysis import Analyzer

ENGLISH = Analyzer()


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", []),
        ("  ...!? ' ’ _ ", []),
        ("The runners were running", ["the", "runner", "were", "run"]),
        ("Caroline's Caroline’s caroline", ["carolin"] * 3),
        ("don't DON’T dont", ["dont"] * 3),
        ("we'll I'm they've she'd you're", ["we", "i", "they", "she", "you"]),
        ("O'Brien obrien rock'n'roll", ["obrien", "obrien", "rocknrol"]),
        ("'quoted' words'", ["quot", "word"]),
        ("user_id=42, v3.5", ["user", "id", "42", "v3", "5"]),
        ("ＦＵＬＬ ﬁne Straße", ["full", "fine", "strass"]),
        ("café CAFE\u0301", ["café", "café"]),
        ("東京2020へ行く", ["東京", "2020", "へ行", "行く"]),
        ("猫 and ｶﾀｶﾅ", ["猫", "and", "カタ", "タカ", "カナ"]),
        ("한국어", ["한국", "국어"]),
        ("हिन्दी", ["हिन्दी"]),
        ("Привет", ["привет"]),
    ],
)
def test_text_becomes_these_terms(text: str, terms: list[str]) -> None:
    assert ENGLISH.terms(text) == terms


def test_another_language_has_its_own_stems_and_splits_at_the_apostrophe() -> None:
    assert Analyzer("french").terms("l'homme mangeait") == ["l", "homm", "mang"]
    assert Analyzer("german").terms("Häuser") == Analyzer("german").terms("Haus")


def test_a_language_without_a_stemmer_is_refused() -> None:
    with pytest.raises(Misconfigured, match="klingon"):
        Analyzer("klingon")


def test_stop_words_stay() -> None:
    assert ENGLISH.terms("to be or not to be") == ["to", "be", "or", "not", "to", "be"]


def test_a_very_long_word_is_cut_alike_in_document_and_query() -> None:
    blob = "x1" * 131_072
    assert ENGLISH.terms(blob) == ENGLISH.terms(blob + "tail") == ["x1" * 32]


@pytest.mark.parametrize("unit", ["a'", "ab ", "漢", "x", "'", "हि", "é", "a\u0301", "ア1"])
def test_a_quarter_of_a_megabyte_takes_linear_time(unit: str) -> None:
    """A quadratic tokeniser would not come back from this within the run's patience."""
    text = unit * (262_144 // len(unit))
    assert len(ENGLISH.terms(text)) <= len(text)


@given(st.text())
def test_terms_are_never_empty_and_hold_no_separator(text: str) -> None:
    for term in ENGLISH.terms(text):
        assert term
        assert term == "".join(term.split())
        assert "_" not in term
        assert "'" not in term


@given(st.text(max_size=40), st.text(max_size=40))
def test_words_apart_are_analysed_apart(left: str, right: str) -> None:
    assert ENGLISH.terms(f"{left}\n{right}") == ENGLISH.terms(left) + ENGLISH.terms(right)


@given(st.text(alphabet="東京日本語へのカナ한국", min_size=2))
def test_a_run_of_cjk_gives_its_character_pairs(run: str) -> None:
    assert ENGLISH.terms(run) == ["".join(pair) for pair in pairwise(run)]


def test_the_stem_cache_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis, "MAX_CACHED_STEMS", 8)
    analyzer = Analyzer()
    for number in range(100):
        assert analyzer.terms(f"walking{number} walking") == [f"walking{number}", "walk"]
        assert len(analyzer._stems) <= 8


def test_many_threads_get_the_terms_one_thread_gets() -> None:
    texts = [f"wandering{n} walkers{n} happily relational{n} {n}ing hopping" for n in range(400)]
    expected = [Analyzer().terms(text) for text in texts]
    shared = Analyzer()
    with ThreadPoolExecutor(8) as pool:
        for answers in pool.map(lambda _: [shared.terms(text) for text in texts], range(8)):
            assert answers == expected
