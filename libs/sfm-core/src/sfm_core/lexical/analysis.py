"""From text to the terms that are indexed and searched; document and query alike."""

import re
import unicodedata
from collections.abc import Iterator
from threading import Lock
from typing import Final

import Stemmer

from sfm_core.errors import Misconfigured

MAX_TERM_CHARS: Final = 64
"""Longer words (encoded blobs) are cut here, in documents and queries alike."""
MAX_CACHED_STEMS: Final = 1 << 16
VERSION: Final = 1
"""Counts up whenever this module begins to make other terms of the same text."""

_CLITICS: Final = frozenset({"s", "m", "d", "ll", "re", "ve"})
_APOSTROPHES: Final = {0x2018: "'", 0x2019: "'", 0x02BC: "'", 0xFF07: "'"}

# Han, kana and hangul: written without spaces between words, or (hangul) with particles
# attached; character bigrams find words in them without a dictionary.
BIGRAM_SCRIPTS: Final = (
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\uac00-\ud7a3\u1100-\u11ff\U00020000-\U0003ffff"
)


def _marks() -> str:
    """Combining marks as a character class; without them a word of an Indic script is cut."""
    blocks = (range(0x300, 0x10000), range(0x10A00, 0x12000), range(0x1E000, 0x1E900))
    codes = [c for block in blocks for c in block if unicodedata.category(chr(c))[0] == "M"]
    parts: list[str] = []
    start = previous = codes[0]
    for code in [*codes[1:], -1]:
        if code != previous + 1:
            parts.append(f"{chr(start)}-{chr(previous)}")
            start = code
        previous = code
    return "".join(parts)


_WORD: Final = rf"(?:[^\W_{BIGRAM_SCRIPTS}]++[{_marks()}]*+)++"
_TOKENS: Final = re.compile(rf"[{BIGRAM_SCRIPTS}]++|{_WORD}(?:'{_WORD})*+")
_ASCII_TOKENS: Final = re.compile(r"[a-z0-9]++(?:'[a-z0-9]++)*+")
_BIGRAM_RUN: Final = re.compile(rf"[{BIGRAM_SCRIPTS}]")


class Analyzer:
    """Splits text into terms: folded, stemmed words and numbers, CJK character bigrams.

    - Unicode NFKC and case folding; `_` and all punctuation separate words.
    - A run of Han, kana or hangul gives its overlapping character pairs; a run of one
      character gives that character.
    - English drops what follows the apostrophe of a clitic (`Caroline's`, `we'll` give
      `carolin`, `we`) and joins any other (`don't` = `dont`, `O'Brien` = `obrien`). Other
      languages split there (`l'homme` gives `l` and `homme`).
    - Snowball stems; no stop words are taken out.

    Deterministic, linear in the length of the text, and safe to share across threads:
    PyStemmer objects are not, so each miss of the bounded stem cache holds a lock.

    Raises:
        Misconfigured: there is no Snowball stemmer for `language`.
    """

    def __init__(self, language: str = "english") -> None:
        self.language = language
        self._stems = _Stems(language)
        self._joins = language == "english"

    @property
    def revision(self) -> str:
        """Names all that decides which terms a text gives: equal revisions give equal terms."""
        parts = (VERSION, self.language, Stemmer.version(), unicodedata.unidata_version)
        return "/".join(map(str, parts))

    def terms(self, text: str) -> list[str]:
        """The terms of `text`, in order, repeats included."""
        if not text.isascii():
            text = unicodedata.normalize("NFKC", text.translate(_APOSTROPHES))
        if text.isascii():
            tokens = _ASCII_TOKENS.findall(text.lower())
        else:
            text = unicodedata.normalize("NFKC", text.casefold())
            tokens = _TOKENS.findall(text)
            if _BIGRAM_RUN.search(text):
                tokens = [part for token in tokens for part in _bigrams(token)]
        if "'" in text:
            tokens = [part for token in tokens for part in self._apart(token)]
        return list(map(self._stems.__getitem__, tokens))

    def _apart(self, token: str) -> tuple[str, ...] | list[str]:
        if "'" not in token:
            return (token,)
        parts = token.split("'")
        if not self._joins:
            return parts
        if parts[-1] in _CLITICS:
            parts.pop()
        return ("".join(parts),)


class _Stems(dict[str, str]):
    """Token to term, remembered for the last `MAX_CACHED_STEMS` distinct tokens."""

    def __init__(self, language: str) -> None:
        super().__init__()
        try:
            self._stemmer = Stemmer.Stemmer(language, maxCacheSize=0)
        except KeyError as error:
            raise Misconfigured(f"no stemmer for language {language!r}") from error
        self._lock = Lock()

    def __missing__(self, token: str) -> str:
        with self._lock:
            term: str = self._stemmer.stemWord(token[:MAX_TERM_CHARS])
        if len(token) <= MAX_TERM_CHARS:
            if len(self) >= MAX_CACHED_STEMS:
                self.clear()
            self[token] = term
        return term


def _bigrams(token: str) -> Iterator[str]:
    if len(token) == 1 or not _BIGRAM_RUN.match(token):
        yield token
        return
    for at in range(len(token) - 1):
        yield token[at : at + 2]
