"""The inverted index against BM25 written out row by row."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from threading import Event, Thread

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfm_core.errors import Corrupt
from sfm_core.lexical.index import MAX_COUNT, LexicalArrays, LexicalIndex, LexicalSnapshot
from sfm_core.model import Mask

WORDS = st.sampled_from(["a", "b", "c", "d", "e", "東京", "é", "zz"])
ROW = st.lists(WORDS, max_size=12)
CORPUS = st.lists(st.tuples(ROW, st.booleans()), max_size=24)
QUERY = st.lists(WORDS | st.just("unknown"), max_size=6)


def slow_bm25(
    rows: Sequence[Sequence[str]],
    alive: Sequence[bool],
    query: Sequence[str],
    k1: float = 1.2,
    b: float = 0.75,
) -> list[float]:
    live = [row for row, lives in zip(rows, alive, strict=True) if lives]
    average = sum(map(len, live)) / max(1, len(live))
    scores = []
    for row, lives in zip(rows, alive, strict=True):
        score = 0.0
        for term in sorted(set(query)):
            tf = Counter(row)[term]
            if lives and tf:
                df = sum(term in other for other in live)
                idf = math.log1p((len(live) - df + 0.5) / (df + 0.5))
                penalty = k1 * (1.0 - b + b * (len(row) / average))
                score += tf * (k1 + 1.0) / (tf + penalty) * idf
        scores.append(score)
    return scores


def index_of(rows: Sequence[Sequence[str]]) -> LexicalIndex:
    index = LexicalIndex()
    for number, row in enumerate(rows):
        assert index.append(row) == number
    return index


def mask(alive: Sequence[bool]) -> Mask:
    return np.array(alive, dtype=np.bool_)


def parts(corpus: list[tuple[list[str], bool]]) -> tuple[list[list[str]], list[bool]]:
    return [row for row, _ in corpus], [lives for _, lives in corpus]


@given(CORPUS, QUERY, st.sampled_from([0.0, 0.9, 1.2, 3.0]), st.sampled_from([0.0, 0.4, 0.75, 1.0]))
def test_scores_are_bm25_to_the_last_bit(
    corpus: list[tuple[list[str], bool]], query: list[str], k1: float, b: float
) -> None:
    rows, alive = parts(corpus)
    scores = index_of(rows).snapshot().scores(query, mask(alive), k1=k1, b=b)
    assert scores.dtype == np.float64
    assert scores.tolist() == slow_bm25(rows, alive, query, k1, b)


@given(CORPUS, QUERY)
def test_compaction_changes_no_score(
    corpus: list[tuple[list[str], bool]], query: list[str]
) -> None:
    rows, alive = parts(corpus)
    index = index_of(rows)
    before = index.snapshot().scores(query, mask(alive))
    smaller = index.compact(mask(alive))
    assert smaller.rows == sum(alive)
    after = smaller.snapshot().scores(query, np.ones(smaller.rows, dtype=np.bool_))
    assert after.tolist() == before[mask(alive)].tolist()
    assert index.snapshot().scores(query, mask(alive)).tolist() == before.tolist()


@given(CORPUS, ROW, QUERY)
def test_a_compacted_index_takes_new_rows(
    corpus: list[tuple[list[str], bool]], more: list[str], query: list[str]
) -> None:
    rows, alive = parts(corpus)
    smaller = index_of(rows).compact(mask(alive))
    smaller.append(more)
    expected = [row for row, lives in corpus if lives] + [more]
    scores = smaller.snapshot().scores(query, np.ones(smaller.rows, dtype=np.bool_))
    assert scores.tolist() == slow_bm25(expected, [True] * len(expected), query)


@given(CORPUS, QUERY, st.randoms(use_true_random=False))
def test_another_order_of_rows_and_of_query_terms_gives_the_same_scores(
    corpus: list[tuple[list[str], bool]], query: list[str], random: Random
) -> None:
    order = list(range(len(corpus)))
    shuffled_query = [*query, *query]
    random.shuffle(order)
    random.shuffle(shuffled_query)
    rows, alive = parts(corpus)
    first = index_of(rows).snapshot().scores(query, mask(alive))
    other_rows, other_alive = parts([corpus[at] for at in order])
    second = index_of(other_rows).snapshot().scores(shuffled_query, mask(other_alive))
    assert second.tolist() == first[np.array(order, dtype=np.intp)].tolist()


@given(CORPUS, st.lists(ROW, max_size=6), QUERY)
def test_a_snapshot_does_not_see_later_rows(
    corpus: list[tuple[list[str], bool]], later: list[list[str]], query: list[str]
) -> None:
    rows, alive = parts(corpus)
    index = index_of(rows)
    snapshot = index.snapshot()
    for row in later:
        index.append(row)
    assert snapshot.rows == len(rows)
    assert snapshot.scores(query, mask(alive)).tolist() == slow_bm25(rows, alive, query)


@given(CORPUS)
def test_an_exported_index_comes_back_whole(corpus: list[tuple[list[str], bool]]) -> None:
    rows, alive = parts(corpus)
    index = index_of(rows)
    arrays = index.export()
    back = LexicalIndex.restore(arrays)
    assert same(back.export(), arrays)
    assert back.nbytes == index.nbytes
    assert same(back.compact(mask(alive)).export(), index.compact(mask(alive)).export())
    for _ in range(2):
        query = ["a", "zz", "東京"]
        now = [True] * back.rows
        assert back.snapshot().scores(query, mask(now)).tolist() == slow_bm25(rows, now, query)
        rows = [*rows, ["a", "a", "new"]]
        back.append(rows[-1])


def same(one: LexicalArrays, other: LexicalArrays) -> bool:
    return list(one.terms) == list(other.terms) and all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("offsets", "rows", "counts", "lengths")
    )


def test_arrays_that_do_not_fit_are_corrupt() -> None:
    good = index_of([["a", "b"], ["b", "b"]]).export()
    bad = [
        replace(good, terms=["a"]),
        replace(good, offsets=good.offsets[::-1].copy()),
        replace(good, offsets=good.offsets[:1]),
        replace(good, counts=good.counts[:-1]),
        replace(good, rows=good.rows + np.int32(1)),
        replace(good, rows=good.rows - np.int32(1)),
        replace(good, lengths=good.lengths[:1]),
    ]
    for arrays in bad:
        with pytest.raises(Corrupt):
            LexicalIndex.restore(arrays)
    assert same(LexicalIndex.restore(good).export(), good)


def test_an_empty_index_answers_with_no_scores() -> None:
    scores = LexicalIndex().snapshot().scores(["a"], np.ones(0, dtype=np.bool_))
    assert scores.shape == (0,)
    assert LexicalIndex().compact(np.ones(0, dtype=np.bool_)).rows == 0


def test_a_mask_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        index_of([["a"]]).snapshot().scores(["a"], np.ones(2, dtype=np.bool_))


def test_the_same_snapshot_serves_several_masks_and_constants() -> None:
    rows = [["a", "b"], ["a"], ["a", "a", "c"], ["b"]]
    snapshot = index_of(rows).snapshot()
    for alive in ([True] * 4, [True, False, True, True], [False, True, True, True], [False] * 4):
        for k1, b in ((1.2, 0.75), (0.9, 0.4), (1.2, 0.75)):
            scores = snapshot.scores(["a", "b"], mask(alive), k1=k1, b=b)
            assert scores.tolist() == slow_bm25(rows, alive, ["a", "b"], k1, b)


def test_a_term_more_frequent_than_can_be_counted_is_counted_to_the_limit() -> None:
    index = index_of([["a"] * (MAX_COUNT + 5), ["a", "b"]])
    arrays = index.export()
    assert arrays.counts.tolist() == [MAX_COUNT, 1, 1]
    assert arrays.lengths.tolist() == [MAX_COUNT + 5, 2]


def test_readers_get_exact_scores_while_the_writer_appends() -> None:
    """What a reader gets in the thick of it is what it gets again when all is quiet."""
    index = LexicalIndex()
    taken = [index.snapshot()]
    finished = Event()

    def write() -> None:
        for number in range(20_000):
            index.append(["common", f"w{number % 97}", *["common"] * (number % 3)])
            if number % 50 == 0:
                taken.append(index.snapshot())
        finished.set()

    def scores_of(snapshot: LexicalSnapshot) -> bytes:
        alive = np.ones(snapshot.rows, dtype=np.bool_)
        return snapshot.scores(["common", "w7", "w96"], alive).tobytes()

    writer = Thread(target=write)
    writer.start()
    answers: list[tuple[LexicalSnapshot, bytes]] = []
    while not finished.is_set() or not answers:
        newest = taken[-1]
        answers.append((newest, scores_of(newest)))
    writer.join()
    assert index.rows == 20_000
    for snapshot, answer in answers:
        quiet = index_of(
            [["common", f"w{n % 97}", *["common"] * (n % 3)] for n in range(snapshot.rows)]
        )
        assert answer == scores_of(quiet.snapshot())
        assert answer == scores_of(snapshot)
        if snapshot.rows > 2_000:
            break
