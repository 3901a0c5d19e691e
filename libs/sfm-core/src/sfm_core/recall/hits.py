"""From ranked candidates and fetched rows to the answer a query asked for. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol
from uuid import UUID

from sfm_core.coordinates import memory_id
from sfm_core.lexical.analysis import Analyzer
from sfm_core.model import Absence, Budget, Hit, Memory, Placed, RecallQuery
from sfm_core.ports import Telemetry
from sfm_core.recall.budgets import Spending
from sfm_core.recall.rank import Candidate
from sfm_core.recall.snippets import Snippets

CHANGING: Final = "changing"
"""In `degraded`: a memory that was found was being changed all the while, and is left out."""


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
        self._absences: dict[UUID, Absence] = {}

    def hits(
        self, candidates: Sequence[Candidate], memories: Mapping[UUID, Memory]
    ) -> tuple[Hit, ...]:
        """Those that are still what they were when they were ranked, and fit the budget."""
        found = []
        for one in candidates:
            memory = memories.get(one.id)
            if memory is None:
                self._absences[one.id] = Absence.UNKNOWN
            elif memory.version != one.version:
                self._absences[one.id] = Absence.CHANGING
            else:
                self._absences.pop(one.id, None)
                found.append(
                    Hit(
                        memory=memory,
                        score=one.score,
                        importance_norm=one.norm,
                        explanation=one.explanation,
                    )
                )
        if self._snippets is not None:
            found = [replace(hit, snippet=self._snippets.of(hit.memory.text)) for hit in found]
        if self._spending is not None:
            found = self._spending.taken(found, self._query)
        return tuple(found)

    @property
    def budget(self) -> Budget | None:
        """What was spent so far."""
        return None if self._spending is None else self._spending.budget

    @property
    def is_changing(self) -> bool:
        """Whether a live memory was left out so far, because it is not what was ranked."""
        return Absence.CHANGING in self._absences.values()

    def settled(self, namespace: str, placed: Sequence[Placed]) -> tuple[Placed, ...]:
        """`placed`, with what only the rows and the budget know; after the last page."""
        left_out = () if self.budget is None else self.budget.left_out
        absences = self._absences | dict.fromkeys(left_out, Absence.BUDGET)
        return tuple(
            one
            if one.absent_for
            else _without(one, absences.get(memory_id(namespace, one.coordinate)))
            for one in placed
        )


def _without(placed: Placed, absence: Absence | None) -> Placed:
    if absence is None:
        return placed
    if absence is Absence.UNKNOWN:
        return Placed(coordinate=placed.coordinate, absent_for=(absence,))
    return replace(placed, absent_for=(absence,))


class SaysWhatChanged(Protocol):
    @property
    def is_changing(self) -> bool: ...


def declared(
    degraded: tuple[str, ...], shown: SaysWhatChanged, telemetry: Telemetry
) -> tuple[str, ...]:
    """`degraded`, with what only the rows know; it is counted."""
    if not shown.is_changing:
        return degraded
    telemetry.count("recall_degraded_total", leg=CHANGING)
    return (*degraded, CHANGING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    hits: tuple[Hit, ...]
    placed: tuple[Placed, ...]
    budget: Budget | None
    is_changing: bool


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
        hits=hits,
        placed=showing.settled(namespace, placed),
        budget=showing.budget,
        is_changing=showing.is_changing,
    )
