"""How good a ranked list is, given which documents are evidence (binary relevance)."""

import math
from collections.abc import Collection, Sequence


def recall_at(ranked: Sequence[str], gold: Collection[str], k: int) -> float:
    """Share of the evidence among the first k; `gold` is not empty."""
    return len(set(ranked[:k]) & set(gold)) / len(set(gold))


def ndcg_at(ranked: Sequence[str], gold: Collection[str], k: int) -> float:
    """Gain discounted by log2(rank + 1), against the best order possible."""
    wanted = set(gold)
    gain = sum(1.0 / math.log2(i + 2) for i, doc in enumerate(ranked[:k]) if doc in wanted)
    best = sum(1.0 / math.log2(i + 2) for i in range(min(k, len(wanted))))
    return gain / best


def reciprocal_rank(ranked: Sequence[str], gold: Collection[str], k: int) -> float:
    """1 / rank of the first evidence; 0 when it is not among the first k."""
    wanted = set(gold)
    return next((1.0 / (i + 1) for i, doc in enumerate(ranked[:k]) if doc in wanted), 0.0)
