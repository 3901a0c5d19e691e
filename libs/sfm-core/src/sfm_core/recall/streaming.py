"""A recall whose hits go out while later ones are still being fetched."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from time import perf_counter
from typing import Final, final
from uuid import UUID

from sfm_core.lexical.analysis import Analyzer
from sfm_core.model import Hit, Memory, RecallQuery, RecallResult
from sfm_core.offload import off_loop
from sfm_core.ports import Telemetry
from sfm_core.recall.hits import Showing, costs_little, declared
from sfm_core.recall.linked import HitLinks
from sfm_core.recall.rank import Candidate, Ranked
from sfm_core.recall.view import Snapshot

FIRST: Final = 8
"""Hits fetched before the first goes out."""
PAGE: Final = 64
"""Hits fetched at a time afterwards."""

type Fetch = Callable[[Mapping[UUID, int]], Awaitable[Mapping[UUID, Memory]]]


@final
class HitStream:
    """The hits of one question, page by page, in the order of their rank.

    Ranks are certain from the start: what is ranked is ranked whole. What was deleted after that
    is left out; so is what was changed, and the summary says so.
    """

    def __init__(
        self,
        namespace: str,
        query: RecallQuery,
        analyzer: Analyzer,
        *,
        snapshot: Snapshot,
        ranked: Ranked,
        degraded: tuple[str, ...],
        first: Mapping[UUID, Memory],
        fetch: Fetch,
        links: HitLinks,
        telemetry: Telemetry,
        started: float,
    ) -> None:
        """`first` are the memories of the `FIRST` best candidates."""
        self.query = query
        self._namespace = namespace
        self._showing = Showing(query, analyzer)
        self._position = snapshot.position
        self._placed = ranked.placed
        self._left: list[Candidate] = list(ranked.candidates)
        self._degraded = degraded
        self._first: Mapping[UUID, Memory] | None = first
        self._fetch = fetch
        self._links = links
        self._telemetry = telemetry
        self._started = started

    async def page(self) -> tuple[Hit, ...] | None:
        """The next hits, perhaps none of this page; None after the last page.

        Raises:
            Unavailable: the store does not answer any more.
        """
        size, memories = PAGE, self._first
        if memories is not None:
            size, self._first = FIRST, None
        page, self._left = self._left[:size], self._left[size:]
        if not page:
            return None
        if memories is None:
            memories = await self._fetch({one.id: one.version for one in page})
        held = memories
        hits = await off_loop(
            lambda: self._showing.hits(page, held), when=not costs_little(self.query)
        )
        [linked] = await self._links.added(self._namespace, [self.query], [hits])
        return linked

    def summary(self) -> RecallResult:
        """What an answer says beside its hits; once, after the last page."""
        return RecallResult(
            hits=(),
            position=self._position,
            took_ms=round(1000.0 * (perf_counter() - self._started), 3),
            degraded=declared(self._degraded, self._showing, self._telemetry),
            placed=self._showing.settled(self._namespace, self._placed),
            budget=self._showing.budget,
        )


def first_of(ranked: Ranked) -> Sequence[Candidate]:
    """The candidates that a stream's `first` holds."""
    return ranked.candidates[:FIRST]
