"""Recall by context: what a question stands in decides between answers, and says what it did."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfm_core.model import Kind, Mode, RecallQuery
from sfm_core.recall.rank import rank
from sfm_core.recall.rankings import situated
from sfm_core.scoring import Scoring
from tests.unit.sfm_core.recall.test_engine import a_world, as_bytes, shown
from tests.unit.sfm_core.recall.test_rank import ANALYZER, NOW, a_plan, a_row, a_view, unit

SEEDS = st.integers(0, 50)


@given(SEEDS, st.lists(SEEDS, max_size=8), st.floats(0.0, 0.5))
def test_a_situated_question_is_a_unit_vector_that_leans_to_its_context(
    question: int, context: list[int], share: float
) -> None:
    asked = unit(question)
    found = situated(asked, [unit(n) for n in context], share=share)
    assert found.dtype == np.float32
    assert float(np.vdot(found, found)) == pytest.approx(1.0, abs=1e-5)
    if not context or share == 0.0:
        assert np.allclose(found, asked, atol=1e-6)
    else:
        around = np.mean([unit(n) for n in context], axis=0)
        assert float(found @ around) >= float(asked @ around) - 1e-5


def test_opposite_context_leaves_the_question() -> None:
    assert np.array_equal(situated(unit(1), [-unit(1)], share=0.5), unit(1))


async def test_the_turns_before_decide_between_answers_that_are_otherwise_alike() -> None:
    async with a_world() as world:
        await world.put(1, "Ada went to the sea in June")
        await world.put(2, "Ben went to the sea in June")
        for mode in (Mode.HYBRID, Mode.KEYWORD):
            for at, name in enumerate(("Ada", "Ben"), start=1):
                turns = (f"I met {name} yesterday", f"how is {name} these days?")
                found = await world.ask("who went to the sea?", mode=mode, context=turns)
                assert shown(found)[0] == at, (mode, name)


async def test_the_parts_of_a_situated_score_add_up_exactly_and_repeat() -> None:
    async with a_world() as world:
        for at in range(20):
            await world.put(at, f"tea number {at} with {'Ann' if at % 3 else 'Ben'}", session="s")
        asked = RecallQuery(query="what tea?", context=("Ann likes tea",), explain=True, top_k=20)
        found = await world.engine.recall("acme", asked)
        again = await world.engine.recall("acme", asked)
        plain = await world.ask("what tea?", explain=True, top_k=20)
    assert as_bytes(found) == as_bytes(again) != as_bytes(plain)
    for hit in found.hits:
        assert hit.explanation is not None
        assert sum(hit.explanation.parts.values()) == hit.score


def test_words_of_the_context_count_for_their_share_and_never_more_than_the_questions() -> None:
    rows = [a_row(0, text="tea"), a_row(1, text="rain " * 9), a_row(2, text="soup")]
    view = a_view(rows)
    plan = a_plan("tea", mode=Mode.KEYWORD)
    terms = ANALYZER.terms("rain rain rain violin")
    around = type(plan)(**{**{n: getattr(plan, n) for n in plan.__slots__}, "around": terms})
    [alone, both] = rank(view.snapshot(), [plan, around])
    assert [c.id for c in alone.candidates] == [rows[0].id]
    assert [c.id for c in both.candidates] == [rows[0].id, rows[1].id]
    share = Scoring().situation
    assert both.candidates[1].score == pytest.approx(share / (1.0 - share), abs=1e-9)


@pytest.mark.parametrize("mode", [Mode.KEYWORD, Mode.HYBRID])
@pytest.mark.parametrize("hidden", [{"kind": Kind.SEMANTIC}, {"expires_at": NOW}])
def test_what_is_not_admitted_does_not_weigh_on_what_the_context_counts(
    mode: Mode, hidden: dict[str, Any]
) -> None:
    """Two that differ only in which of their words the hidden row repeats: same statistics."""
    found = []
    for text in ("tea tea tea tea rain", "tea rain rain rain rain"):
        rows = [
            a_row(0, text="tea soup soup soup soup"),
            a_row(1, text="rain soup soup soup soup"),
            a_row(2, text=text, **hidden),
        ]
        plan = replace(a_plan("tea", mode=mode, kind=Kind.EPISODIC), around=ANALYZER.terms("rain"))
        [ranked] = rank(a_view(rows).snapshot(), [plan])
        found.append([(c.id, c.score, c.explanation) for c in ranked.candidates])
    assert len(found[0]) == 2
    assert found[0] == found[1]
