"""One namespace's place in the registry of views."""

from dataclasses import dataclass, field
from time import perf_counter

import anyio

from sfm_core.errors import SfmError
from sfm_core.recall.view import Snapshot, View


@dataclass(slots=True, eq=False)
class Entry:
    """A view, or one that is being loaded."""

    view: View
    lock: anyio.Lock = field(default_factory=anyio.Lock)
    loaded: anyio.Event = field(default_factory=anyio.Event)
    failure: SfmError | None = None
    token: int = 0
    """Of the feed: what commits later is still to come. Set when loaded."""
    nbytes: int = 0
    """What the budget counts for it."""
    begun: float = field(default_factory=perf_counter)
    unsaved: int = 0
    """Rows that were news since the view was last put aside."""
    shelved_at: float = 0.0
    is_being_shelved: bool = False
    is_dropped: bool = False
    """What was put aside of it must go too."""

    @property
    def is_ready(self) -> bool:
        return self.loaded.is_set() and self.failure is None

    async def snapshot(self) -> Snapshot:
        async with self.lock:
            return self.view.snapshot()
