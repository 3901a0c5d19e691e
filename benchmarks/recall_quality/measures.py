"""How good a ranked list is, given which documents are evidence (binary relevance)."""

import math
from collections.abc import Collection, Sequence

import numpy as np


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


def interval(values: Sequence[float], *, resamples: int = 2000) -> tuple[float, float]:
    """Where 95 % of the means of resampled `values` lie: a percentile bootstrap, the same again.

    `values` is not empty; for a difference, give the differences question by question.
    """
    rng = np.random.default_rng(7)
    sample = np.asarray(values, dtype=np.float64)
    means = np.array([rng.choice(sample, sample.size).mean() for _ in range(resamples)])
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def measures(ranked: Sequence[str], gold: Collection[str]) -> dict[str, float]:
    """Every measure of one ranked list."""
    return {
        **{f"recall@{k}": recall_at(ranked, gold, k) for k in (1, 5, 10, 20)},
        "ndcg@10": ndcg_at(ranked, gold, 10),
        "mrr@10": reciprocal_rank(ranked, gold, 10),
    }
