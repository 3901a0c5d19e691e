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

AGAIN: Final = 3
"""How often one page is ranked anew, at most."""

type Again = Callable[[], Awaitable[tuple[Snapshot, Ranked] | None]]
type Fetch = Callable[[Mapping[UUID, int]], Awaitable[Mapping[UUID, Memory]]]


@final
class HitStream:
    """The hits of one question, page by page, in the order of their rank.

    Ranks are certain from the start: what is ranked is ranked whole. When rows of a later page
    have moved by then, all is ranked anew; if what went out is what the newer ranking begins
    with, the stream goes on with that. Else what was deleted is left out, and what was changed
    too, and the summary says so.
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
        again: Again,
        links: HitLinks,
        telemetry: Telemetry,
        started: float,
    ) -> None:
        """`first` are the memories of the `FIRST` best candidates; `again` ranks anew."""
        self.query = query
        self._namespace = namespace
        self._showing = Showing(query, analyzer)
        self._position = snapshot.position
        self._placed = ranked.placed
        self._sent: list[Candidate] = []
        self._left: list[Candidate] = list(ranked.candidates)
        self._degraded = degraded
        self._first: Mapping[UUID, Memory] | None = first
        self._fetch = fetch
        self._again = again
        self._links = links
        self._telemetry = telemetry
        self._started = started

    async def page(self) -> tuple[Hit, ...] | None:
        """The next hits, perhaps none of this page; None after the last page.

        Raises:
            Unavailable: the store does not answer any more.
        """
        if not self._left:
            return None
        size, memories = FIRST, self._first
        if memories is None:
            size, memories = PAGE, await self._settled()
        self._first = None
        page, self._left = self._left[:size], self._left[size:]
        hits = await off_loop(
            lambda: self._showing.hits(page, memories), when=not costs_little(self.query)
        )
        self._sent += [one for one in page if _agree([one], memories)]
        [linked] = await self._links.added(self._namespace, [self.query], [hits])
        return linked

    async def _settled(self) -> Mapping[UUID, Memory]:
        """The memories of the next page, ranked anew while they have moved and it stays one."""
        left = AGAIN
        while True:
            page = self._left[:PAGE]
            memories = await self._fetch({one.id: one.version for one in page})
            if not left or _agree(page, memories):
                return memories
            left -= 1
            newer = await self._again()
            if newer is None or not self._goes_on_with(*newer):
                return memories

    def _goes_on_with(self, snapshot: Snapshot, ranked: Ranked) -> bool:
        """Take the newer ranking for the older one if it begins with what went out."""
        sent, candidates = len(self._sent), list(ranked.candidates)
        begun = [(one.id, one.version) for one in candidates[:sent]]
        if begun != [(one.id, one.version) for one in self._sent]:
            return False
        if sent and candidates[sent:] and candidates[sent].score > self._sent[-1].score:
            return False
        self._left = candidates[sent:]
        self._position, self._placed = snapshot.position, ranked.placed
        return True

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


def _agree(candidates: Sequence[Candidate], memories: Mapping[UUID, Memory]) -> bool:
    return all(one.id in memories and memories[one.id].version == one.version for one in candidates)


def first_of(ranked: Ranked) -> Sequence[Candidate]:
    """The candidates that a stream's `first` holds."""
    return ranked.candidates[:FIRST]
