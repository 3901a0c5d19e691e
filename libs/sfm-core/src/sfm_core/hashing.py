"""Text to vector without a model: hashed word and character n-gram features.

Each feature of a text (its words, and the character n-grams inside them; for CJK, character
pairs) has a pattern of +1 and -1 read from the bits of its blake2b hash. The weighted patterns
are added and the sum is scaled to length 1. So equal texts are equal, texts that share words
or spelling are near, and others are near 0. It knows nothing of meaning.

Weights and sums are whole numbers and exact in float64, whatever the order of the additions:
the bytes are the same on every machine and in every process.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import batched
from typing import Final

import numpy as np

from sfm_core.model import F32, F64

HASH_REVISION: Final = "hash-1"
"""Goes up whenever any text's vector would change."""

_CJK: Final = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff"
_RUNS: Final = re.compile(rf"([{_CJK}]+)|([^\W{_CJK}]{{1,64}})")
_GRAM_SIZES: Final = (3, 4, 5)
_CACHED_WORDS: Final = 1 << 14
_CACHED_PATTERNS: Final = 1 << 16
_BLOCK: Final = 2048


def hash_vectors(texts: Sequence[str], dim: int = 384) -> F32:
    """One row per text, shape (n, dim), L2 norm 1, always finite and never zero.

    Text without any character, white space apart, has a fixed vector of its own. Costs about
    0.3 ms for a short text and in proportion to its length for a long one. Caches are bounded
    (about 15 MB when full).
    """
    rows = np.empty((len(texts), dim), dtype=np.float32)
    for at, text in enumerate(texts):
        rows[at] = hash_vector(text, dim)
    return rows


def hash_vector(text: str, dim: int = 384) -> F32:
    """The text's vector, shape (dim,); `hash_vectors` says what it guarantees."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    total = _sum(_features(folded), dim)
    if not total.any():  # features that cancel exactly: the text as a whole is then the feature
        total = _sum({"=" + folded: 1}, dim)
    whole = total.astype(np.int64)
    unit: F32 = (total / math.sqrt(int(np.dot(whole, whole)))).astype(np.float32)
    return unit


def _features(folded: str) -> dict[str, int]:
    """Weight of every feature of a folded text; never empty."""
    strengths: Counter[str] = Counter()
    for (cjk, word), times in Counter(_RUNS.findall(folded)).items():
        # Longer words say more, and the commonest are short: a stand-in for how rare a word is.
        strength = times * min(len(word) or 4, 6) ** 4
        for feature in _word_features(word) if word else _pairs(cjk):
            strengths[feature] += strength
    if not strengths:  # only signs, or nothing at all
        strengths.update(_pairs(" ".join(folded.split())) or [" "])
    return {feature: math.isqrt(strength) for feature, strength in strengths.items()}


@lru_cache(maxsize=_CACHED_WORDS)
def _word_features(word: str) -> tuple[str, ...]:
    """The word itself, told apart by a sign no word holds, and its distinct n-grams."""
    edged = f"<{word}>"
    grams = {edged[at : at + size] for size in _GRAM_SIZES for at in range(len(edged) - size + 1)}
    return ("=" + word, *sorted(grams))


def _pairs(run: str) -> list[str]:
    """Every two neighbours; a character that stands alone is given by itself."""
    return [run[at : at + 2] for at in range(len(run) - 1)] or ([run] if run else [])


def _sum(weights: dict[str, int], dim: int) -> F64:
    """The weighted sum of the features' patterns, shape (dim,): whole numbers."""
    total = np.zeros(dim)
    for block in batched(weights.items(), _BLOCK):
        size = -(-dim // 8)
        raw = b"".join([_pattern(feature, size) for feature, _ in block])
        packed = np.frombuffer(raw, dtype=np.uint8).reshape(len(block), size)
        bits = np.unpackbits(packed, axis=1, count=dim).astype(np.float64)
        weight = np.array([weight for _, weight in block], dtype=np.float64)
        total += 2.0 * (weight @ bits) - weight.sum()
    return total


@lru_cache(maxsize=_CACHED_PATTERNS)
def _pattern(feature: str, size: int) -> bytes:
    """`size` bytes of hash: the signs of one feature."""
    name = feature.encode("utf-8", "surrogatepass")
    parts = [
        blake2b(name, digest_size=min(64, size - start), salt=start.to_bytes(4, "big")).digest()
        for start in range(0, size, 64)
    ]
    return b"".join(parts)
