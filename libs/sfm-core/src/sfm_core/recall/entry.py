"""One namespace's place in the registry of views."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Final

import anyio
import anyio.to_thread

from sfm_core.errors import SfmError
from sfm_core.generations import FIRST
from sfm_core.model import LinkRow, Sample, ViewRow
from sfm_core.recall.view import Snapshot, View

INLINE_ROWS: Final = 8
"""Up to so many changed rows are applied on the loop; more go to a thread."""
INLINE_CHARS: Final = 4096
TOMBSTONES_S: Final = 60.0
"""How often a view forgets the deletions of the period before; far beyond any write's time."""


@dataclass(slots=True, eq=False)
class Entry:
    """A view, or one that is being loaded."""

    view: View
    lock: anyio.Lock = field(default_factory=anyio.Lock)
    loaded: anyio.Event = field(default_factory=anyio.Event)
    failure: SfmError | None = None
    token: int = 0
    """Of the feed: what commits later is still to come. Set when loaded."""
    moment: str | None = None
    """Of the feed, before it was last fed; None: not since it was loaded."""
    generation: int = FIRST
    """Of the namespace, when it was loaded: rows of another one are not these."""
    stamp: str = ""
    """Under which it is put aside: of before it was loaded. Empty: never."""
    nbytes: int = 0
    """What the budget counts for it."""
    begun: float = field(default_factory=perf_counter)
    unsaved: int = 0
    """Rows that were news since the view was last put aside."""
    shelved_at: float = 0.0
    forgot_at: float = field(default_factory=perf_counter)
    is_being_shelved: bool = False
    is_dropped: bool = False
    """It is not put aside any more, and what was put aside of it goes."""

    @property
    def is_ready(self) -> bool:
        return self.loaded.is_set() and self.failure is None

    async def snapshot(self) -> Snapshot:
        async with self.lock:
            return self.view.snapshot()

    async def write(
        self, rows: Sequence[ViewRow], samples: Sequence[Sample], links: Sequence[LinkRow]
    ) -> int:
        """Write into the view, and compact it when that is due; how much of it was news."""
        async with self.lock:
            if _is_small(rows) and len(links) <= INLINE_ROWS:
                news = self.view.apply(rows, samples, links)
            else:
                news = await anyio.to_thread.run_sync(self.view.apply, rows, samples, links)
            if self.view.wants_link_compaction():
                await anyio.to_thread.run_sync(self.view.compact_links)
            if self.view.wants_compaction():
                await anyio.to_thread.run_sync(self.view.compact)
        return news

    async def forget_tombstones(self) -> None:
        """Forget the deletions of the period before, when that is due."""
        if perf_counter() - self.forgot_at > TOMBSTONES_S:
            self.forgot_at = perf_counter()
            async with self.lock:
                self.view.forget_tombstones()


def _is_small(rows: Sequence[ViewRow]) -> bool:
    chars = sum(len(row.text) + len(row.payload) for row in rows)
    return len(rows) <= INLINE_ROWS and chars <= INLINE_CHARS
