"""Protections of the recall path switched off: the test that is named for each has to fail."""

from collections.abc import Sequence

import numpy as np
import pytest

from sfm_core.model import ViewRow
from sfm_core.recall import rank as ranking
from sfm_core.recall.admit import admitted
from sfm_core.recall.rank import Candidate, Plan
from sfm_core.recall.view import Snapshot, View
from tests.unit.sfm_core.recall import test_rank


def test_a_view_without_the_version_fence_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def anything_is_news(view: View, row: ViewRow) -> bool:
        del view, row
        return True

    monkeypatch.setattr(View, "_is_news", anything_is_news)
    with pytest.raises(AssertionError):
        test_rank.test_a_stale_row_and_a_repeated_one_change_nothing_and_a_tombstone_stays()


def test_a_filter_after_top_k_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    best = ranking._best

    def all_that_live(snapshot: Snapshot, query: object, live: object) -> object:
        del snapshot, query
        return live

    def filtered_at_the_end(snapshot: Snapshot, plan: Plan, found: object) -> Sequence[Candidate]:
        allowed = admitted(snapshot, plan.query, snapshot.alive)
        passes = {snapshot.ids[row] for row in np.flatnonzero(allowed).tolist()}
        return [c for c in best(snapshot, plan, found) if c.id.bytes in passes]  # type: ignore[arg-type]

    monkeypatch.setattr(ranking, "admitted", all_that_live)
    monkeypatch.setattr(ranking, "_best", filtered_at_the_end)
    with pytest.raises(AssertionError):
        test_rank.test_a_filter_is_applied_before_top_k_and_scales_by_what_it_admits()
