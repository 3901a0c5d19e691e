"""The loaded views of a process: built on first use, kept in step by a change feed."""

from collections import OrderedDict
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from time import perf_counter
from typing import Final, final

import anyio
import anyio.abc
import anyio.to_thread

from sfm_core.errors import SfmError, Unavailable
from sfm_core.importance import RESERVOIR
from sfm_core.lexical.analysis import Analyzer
from sfm_core.model import Changes, EmbedderInfo, Sample, ViewRow
from sfm_core.owned import owned_tasks
from sfm_core.ports import ChangeFeed, Clock, NoTelemetry, Telemetry
from sfm_core.recall.view import Snapshot, View

INLINE_ROWS: Final = 8
"""Up to so many changed rows are applied on the loop; more go to a thread."""
INLINE_TEXT: Final = 4096
MAX_VIEWS: Final = 10_000


@dataclass(slots=True, eq=False)
class Entry:
    """One namespace's place in the registry."""

    view: View
    lock: anyio.Lock = field(default_factory=anyio.Lock)
    loaded: anyio.Event = field(default_factory=anyio.Event)
    failure: SfmError | None = None

    async def snapshot(self) -> Snapshot:
        async with self.lock:
            return self.view.snapshot()


@final
class Views:
    """Registry of views with one change feed for all of them.

    A view is registered with the feed before it is loaded, and a first catch-up is asked from
    the token that was taken before loading; so no commit falls between load and feed. What
    this process writes itself is applied at once (`apply`), fenced by version like the rest.
    """

    def __init__(
        self,
        tasks: anyio.abc.TaskGroup,
        *,
        feed: ChangeFeed,
        embedder: EmbedderInfo,
        analyzer: Analyzer,
        clock: Clock,
        budget_bytes: int = 2 << 30,
        poll_s: float = 0.25,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._tasks = tasks
        self._feed = feed
        self._embedder = embedder
        self._analyzer = analyzer
        self._clock = clock
        self._budget_bytes = budget_bytes
        self._poll_s = poll_s
        self._telemetry = telemetry or NoTelemetry()
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._token: int | None = None
        self._begun = 0
        self._polled = anyio.Condition()
        self._ended = 0
        self._failure: SfmError | None = None
        self._wanted = anyio.Event()
        self.head = 0

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        *,
        feed: ChangeFeed,
        embedder: EmbedderInfo,
        analyzer: Analyzer,
        clock: Clock,
        budget_bytes: int = 2 << 30,
        poll_s: float = 0.25,
        telemetry: Telemetry | None = None,
    ) -> AsyncGenerator["Views"]:
        """A registry whose feed runs until the block ends."""
        async with owned_tasks() as tasks:
            views = cls(
                tasks,
                feed=feed,
                embedder=embedder,
                analyzer=analyzer,
                clock=clock,
                budget_bytes=budget_bytes,
                poll_s=poll_s,
                telemetry=telemetry,
            )
            tasks.start_soon(views._follow)
            yield views

    # -- for recalls -----------------------------------------------------------------------

    async def entry(self, namespace: str) -> Entry:
        """The namespace's entry, loaded; loading goes on even when the caller gives up.

        Raises:
            Unavailable: the store did not answer while loading.
        """
        entry = self._entries.get(namespace)
        if entry is None:
            entry = self._new_entry(namespace)
        self._entries.move_to_end(namespace)
        await entry.loaded.wait()
        if entry.failure is not None:
            raise entry.failure
        return entry

    async def refresh(self) -> None:
        """Return once a poll of the feed that began after this call has been applied.

        Raises:
            Unavailable: the feed does not answer.
        """
        async with self._polled:
            wanted = self._begun + 1
            self._wanted.set()
            while self._ended < wanted:
                await self._polled.wait()
            if self._failure is not None:
                raise self._failure

    async def reach(self, entry: Entry, position: int) -> None:
        """Wait until the view has seen the event at `position`; bounded by the caller's deadline.

        A caller knows a position because its write was committed, so a poll that begins now
        sees it. Comparing with a highest position alone would not do: a lower one can commit
        later. A position beyond the head of the log is waited for, until the caller's deadline.

        Raises:
            Unavailable: the feed does not answer.
        """
        if entry.view.has_seen(position):
            return
        while True:
            await self.refresh()
            if self.head >= position:
                return
            with anyio.move_on_after(self._poll_s):
                await anyio.sleep_forever()

    @property
    def healthy(self) -> bool:
        """Whether the last poll of the feed succeeded."""
        return self._failure is None

    def loaded(self) -> dict[str, View]:
        return {name: e.view for name, e in self._entries.items() if _is_ready(e)}

    def peek(self, namespace: str) -> View | None:
        """The view when it is loaded; loads nothing."""
        entry = self._entries.get(namespace)
        return entry.view if entry is not None and _is_ready(entry) else None

    async def warm(self, namespaces: Sequence[str]) -> None:
        """Load views one after the other, as far as the budget goes; faults are left alone."""
        for namespace in namespaces:
            if self.totals()[2] >= self._budget_bytes:
                return
            with suppress(SfmError):  # the first recall will say it
                await self.entry(namespace)

    # -- for writes ------------------------------------------------------------------------

    async def apply(
        self, namespace: str, rows: Sequence[ViewRow], samples: Sequence[Sample]
    ) -> None:
        """Take in what this process has just committed; nothing when the view is not in use."""
        entry = self._entries.get(namespace)
        if entry is not None:
            await self._apply(entry, rows, samples)

    def totals(self) -> tuple[int, int, int]:
        """(namespaces, live rows, bytes) of the loaded views."""
        views = list(self.loaded().values())
        return len(views), sum(v.live for v in views), sum(v.nbytes for v in views)

    async def drop(self, namespace: str) -> None:
        """Forget a view; the next recall builds it anew from the store."""
        self._entries.pop(namespace, None)

    # -- its own work ----------------------------------------------------------------------

    def _new_entry(self, namespace: str) -> Entry:
        view = View(namespace, dim=self._embedder.dim, analyzer=self._analyzer)
        entry = self._entries[namespace] = Entry(view)
        self._tasks.start_soon(self._load, namespace, entry)
        return entry

    async def _load(self, namespace: str, entry: Entry) -> None:
        started = perf_counter()
        revision = self._embedder.model_revision
        try:
            token = await self._feed.token()
            if self._token is None or len(self._entries) == 1:
                self._token = token
            async for rows in self._feed.load(namespace, model_revision=revision):
                await self._apply(entry, rows, ())
            samples, position = await self._feed.samples(namespace, limit=RESERVOIR)
            await self._apply(entry, (), samples)
            changes = await self._feed.changes(token, [namespace], model_revision=revision)
            await self._take(changes)
            entry.view.advance(position)
        except SfmError as error:
            entry.failure = error
            if self._entries.get(namespace) is entry:
                del self._entries[namespace]
        finally:
            entry.loaded.set()
        self._telemetry.observe("view_load_seconds", perf_counter() - started)
        self._keep_to_budget()

    async def _apply(self, entry: Entry, rows: Sequence[ViewRow], samples: Sequence[Sample]) -> int:
        """Write into a view; how many of the rows were news to it."""
        inline = len(rows) <= INLINE_ROWS and sum(len(r.text) for r in rows) <= INLINE_TEXT
        async with entry.lock:
            if inline:
                news = entry.view.apply(rows, samples)
            else:
                news = await anyio.to_thread.run_sync(entry.view.apply, rows, samples)
            if entry.view.wants_compaction():
                await anyio.to_thread.run_sync(entry.view.compact)
        return news

    async def _take(self, changes: Changes) -> None:
        by_namespace: dict[str, list[ViewRow]] = {}
        for row in changes.rows:
            by_namespace.setdefault(row.namespace, []).append(row)
        for namespace in {*by_namespace, *changes.samples, *changes.positions}:
            entry = self._entries.get(namespace)
            if entry is None:
                continue
            rows = by_namespace.get(namespace, [])
            news = await self._apply(entry, rows, changes.samples.get(namespace, ()))
            entry.view.advance(changes.positions.get(namespace, 0))
            written = [row.updated_at for row in rows if row.updated_at is not None]
            if news and written:
                lag_s = (self._clock.now() - max(written)).total_seconds()
                self._telemetry.observe("feed_lag_seconds", max(0.0, lag_s))

    async def _follow(self) -> None:
        while True:
            with anyio.move_on_after(self._poll_s):
                await self._wanted.wait()
            self._wanted = anyio.Event()
            async with self._polled:
                self._begun += 1
                poll = self._begun
            failure: SfmError | None = None
            started = perf_counter()
            try:
                await self._poll()
            except Unavailable as error:
                failure = error
            async with self._polled:
                self._ended = poll
                self._failure = failure
                self._polled.notify_all()
            if failure is not None:
                await anyio.sleep(self._poll_s)
            self._telemetry.observe("feed_poll_seconds", perf_counter() - started)

    async def _poll(self) -> None:
        if self._token is None or not self._entries:
            return
        changes = await self._feed.changes(
            self._token, list(self._entries), model_revision=self._embedder.model_revision
        )
        await self._take(changes)
        self._token = changes.token
        self.head = max(self.head, changes.head)

    def _keep_to_budget(self) -> None:
        """Drop the least recently used views beyond the budget, never the last one."""
        held = sum(entry.view.nbytes for entry in self._entries.values())
        while len(self._entries) > 1 and (
            held > self._budget_bytes or len(self._entries) > MAX_VIEWS
        ):
            oldest = next(iter(self._entries))
            if not _is_ready(self._entries[oldest]):
                return
            held -= self._entries.pop(oldest).view.nbytes
            self._telemetry.count("view_evictions_total")


def _is_ready(entry: Entry) -> bool:
    return entry.loaded.is_set() and entry.failure is None
