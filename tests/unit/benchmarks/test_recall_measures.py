"""The measures of the recall benchmark, on lists small enough to check by hand."""

import json
import math
from pathlib import Path

import pytest

from benchmarks.recall_quality.collections import load
from benchmarks.recall_quality.measures import interval, ndcg_at, recall_at, reciprocal_rank
from benchmarks.recall_quality.report import Answered, verdicts

RANKED = ["a", "b", "c", "d"]


def test_recall_is_the_share_of_the_evidence_found() -> None:
    assert recall_at(RANKED, ["a", "d", "x"], 4) == pytest.approx(2 / 3)
    assert recall_at(RANKED, ["a", "d", "x"], 3) == pytest.approx(1 / 3)
    assert recall_at([], ["a"], 10) == 0.0


def test_evidence_named_twice_counts_once() -> None:
    assert recall_at(RANKED, ["a", "a"], 4) == 1.0
    assert ndcg_at(RANKED, ["a", "a"], 4) == 1.0


def test_ndcg_is_one_for_the_best_order_and_falls_with_rank() -> None:
    assert ndcg_at(RANKED, ["a", "b"], 10) == pytest.approx(1.0)
    assert ndcg_at(RANKED, ["b"], 10) == pytest.approx(1 / math.log2(3))
    assert ndcg_at(RANKED, ["d"], 3) == 0.0


def test_ndcg_asks_for_no_more_evidence_than_fits() -> None:
    assert ndcg_at(RANKED, ["a", "b", "c", "d"], 2) == pytest.approx(1.0)


def test_the_reciprocal_rank_is_that_of_the_first_evidence() -> None:
    assert reciprocal_rank(RANKED, ["d", "c"], 10) == pytest.approx(1 / 3)
    assert reciprocal_rank(RANKED, ["d"], 3) == 0.0


def test_a_collection_becomes_memories_with_session_source_and_time(tmp_path: Path) -> None:
    doc = {
        "id": "D1:1",
        "sess": "session_1",
        "speaker": "Caroline",
        "date": "1:56 pm on 8 May, 2023",
        "text": "Look!",
        "caption": "a dog",
    }
    asked = [
        {"id": "0", "text": "who?", "cat": "temporal", "gold": ["D1:1"]},
        {"id": "1", "text": "why?", "cat": "temporal", "gold": []},
    ]
    units = [{"id": "conv-26", "docs": [doc], "queries": asked}]
    path = tmp_path / "locomo.json"
    path.write_text(json.dumps({"name": "locomo", "units": units}), "utf-8")

    [unit], [bare] = load(path), load(path, header=False)

    item = {
        "coordinate": [0],
        "payload": {"id": "D1:1"},
        "text": "Look!\na dog",
        "session": "session_1",
    }
    assert bare.items == (item,)
    assert unit.items == (
        {**item, "source": "Caroline", "occurred_at": "2023-05-08T13:56:00+00:00"},
    )
    assert unit.namespace == "locomo.conv-26"
    assert bare.namespace == "locomo.conv-26.bare"
    assert [question.text for question in unit.questions] == ["who?"]


def test_an_interval_holds_the_mean_narrows_with_more_and_is_the_same_again() -> None:
    few, many = [0.0, 1.0] * 10, [0.0, 1.0] * 1000
    low, high = interval(many)
    assert low < 0.5 < high
    assert high - low < interval(few)[1] - interval(few)[0]
    assert interval(many) == (low, high)
    assert interval([0.25] * 5) == (0.25, 0.25)


def test_a_row_below_its_best_leg_in_one_class_is_told() -> None:
    def row(easy: float, hard: float) -> list[Answered]:
        return [
            Answered(category, {"recall@10": value, "ndcg@10": value})
            for category, value in (("easy", easy), ("hard", hard))
        ]

    rows = {"vector only": row(0.8, 0.7), "keyword only": row(0.6, 0.2), "hybrid": row(0.9, 0.6)}
    found = verdicts({"locomo": rows, "cranfield": rows})

    assert [what for what, holds in found.items() if not holds and "hybrid" in what] == [
        f"{name}, hard: {measure} of hybrid over vector only -0.100 [-0.100, -0.100], n=1"
        for name in ("locomo", "cranfield")
        for measure in ("recall@10", "ndcg@10")
    ]
    assert found["locomo: recall@10 0.750 >= 0.70"]


def test_a_missed_target_is_told() -> None:
    rows = {
        name: [Answered("all", {"recall@10": 0.69, "ndcg@10": 0.6})]
        for name in ("vector only", "keyword only", "hybrid")
    }
    found = verdicts({"locomo": rows, "cranfield": rows})
    assert [what for what, holds in found.items() if not holds] == [
        "locomo: recall@10 0.690 >= 0.70"
    ]
