"""From ranked candidates and fetched rows to the answer a query asked for. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sfm_core.coordinates import memory_id
from sfm_core.lexical.analysis import Analyzer
from sfm_core.model import Absence, Budget, Hit, Memory, Placed, RecallQuery
from sfm_core.recall.budgets import Spending
from sfm_core.recall.rank import Candidate
from sfm_core.recall.snippets import Snippets


def costs_little(query: RecallQuery) -> bool:
    """Whether `Showing` may run on the event loop."""
    return not query.include_snippet and query.budget_tokens is None


class Showing:
    """Makes the hits of one query, a page of candidates at a time, best first."""

    def __init__(self, query: RecallQuery, analyzer: Analyzer) -> None:
        self._query = query
        self._snippets = None
        if query.include_snippet:
            self._snippets = Snippets(analyzer.terms(query.query), analyzer)
        self._spending = None
        if query.budget_tokens is not None:
            self._spending = Spending(query.budget_tokens)

    def hits(
        self, candidates: Sequence[Candidate], memories: Mapping[UUID, Memory]
    ) -> tuple[Hit, ...]:
        """Those that are still what they were when they were ranked, and fit the budget."""
        found = [
            Hit(
                memory=memories[one.id],
                score=one.score,
                importance_norm=one.norm,
                explanation=one.explanation,
            )
            for one in candidates
            if one.id in memories and memories[one.id].version == one.version
        ]
        if self._snippets is not None:
            found = [replace(hit, snippet=self._snippets.of(hit.memory.text)) for hit in found]
        if self._spending is not None:
            found = self._spending.taken(found, self._query)
        return tuple(found)

    @property
    def budget(self) -> Budget | None:
        """What was spent so far."""
        return None if self._spending is None else self._spending.budget


def settled(namespace: str, placed: Sequence[Placed], budget: Budget | None) -> tuple[Placed, ...]:
    """`placed`, with what only the budget knows."""
    if budget is None or not budget.left_out:
        return tuple(placed)
    return tuple(
        replace(one, absent_for=(Absence.BUDGET,))
        if not one.absent_for and memory_id(namespace, one.coordinate) in budget.left_out
        else one
        for one in placed
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    hits: tuple[Hit, ...]
    placed: tuple[Placed, ...]
    budget: Budget | None


def shown(
    namespace: str,
    query: RecallQuery,
    analyzer: Analyzer,
    candidates: Sequence[Candidate],
    placed: Sequence[Placed],
    memories: Mapping[UUID, Memory],
) -> Shown:
    """All hits of one query at once."""
    showing = Showing(query, analyzer)
    hits = showing.hits(candidates, memories)
    return Shown(
        hits=hits, placed=settled(namespace, placed, showing.budget), budget=showing.budget
    )
