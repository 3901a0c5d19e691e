"""The loaded views of a process: built on first use, kept in step by a change feed."""

import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from time import perf_counter
from typing import Final, final

import anyio
import anyio.abc
import anyio.to_thread

from sfm_core.errors import SfmError, Unavailable
from sfm_core.importance import RESERVOIR
from sfm_core.lexical.analysis import Analyzer
from sfm_core.model import Changes, EmbedderInfo, LinkRow, Sample, ViewRow
from sfm_core.owned import OwnedJobs, owned_tasks
from sfm_core.ports import ChangeFeed, Clock, NoTelemetry, Telemetry
from sfm_core.recall.entry import Entry
from sfm_core.recall.holding import NotHeld, Refusals, ViewsPolicy
from sfm_core.recall.keeping import Keeper
from sfm_core.recall.lag import Lag, by_namespace
from sfm_core.recall.polling import Polling
from sfm_core.recall.shelf import Shelf
from sfm_core.recall.view import View

_LOG: Final = logging.getLogger(__name__)
SLICE: Final = 500
"""Rows applied under one hold of a view's lock; readers get in between."""
MAX_VIEWS: Final = 10_000


@final
class Views:
    """Registry of views with one change feed for all that are loaded.

    Each entry has a token of its own: taken before it was loaded, moved on by the catch-up at
    the end of loading and by each poll that asked for its namespace. So no commit falls
    between. What this process writes itself is applied at once (`apply`), fenced by version
    like the rest. Views are written by tasks of the registry only: who is cancelled while
    waiting leaves nothing half done.
    """

    def __init__(
        self,
        tasks: anyio.abc.TaskGroup,
        *,
        feed: ChangeFeed,
        embedder: EmbedderInfo,
        analyzer: Analyzer,
        clock: Clock,
        policy: ViewsPolicy,
        telemetry: Telemetry,
        keeper: Keeper | None = None,
    ) -> None:
        self._tasks = tasks
        self._jobs = OwnedJobs(tasks)
        self._feed = feed
        self._embedder = embedder
        self._analyzer = analyzer
        self._lag = Lag(clock, telemetry)
        self._policy = policy
        self._telemetry = telemetry
        self._shelf = Shelf(tasks, keeper)
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._refusals = Refusals(policy)
        self._held = 0
        self._polling = Polling(self._poll, pause_s=policy.poll_s, telemetry=telemetry)
        self._moment: str | None = None
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
        policy: ViewsPolicy | None = None,
        telemetry: Telemetry | None = None,
        keeper: Keeper | None = None,
    ) -> AsyncGenerator["Views"]:
        """A registry whose feed runs until the block ends; `keeper` puts views aside."""
        async with owned_tasks() as tasks:
            views = cls(
                tasks,
                feed=feed,
                embedder=embedder,
                analyzer=analyzer,
                clock=clock,
                policy=policy or ViewsPolicy(),
                telemetry=telemetry or NoTelemetry(),
                keeper=keeper,
            )
            tasks.start_soon(views._polling.run)
            yield views
            ready = ((name, one) for name, one in views._entries.items() if one.is_ready)
            await views._shelf.close(ready)

    # -- for recalls -----------------------------------------------------------------------

    async def entry(self, namespace: str) -> Entry:
        """The namespace's entry, loaded; loading goes on even when the caller gives up.

        Raises:
            NotHeld: it is larger than the budget, or this process holds no views.
            Unavailable: the store did not answer while loading, or all is being closed.
            Corrupt: what is stored cannot be made a view.
        """
        self.check_held(namespace)
        entry = self._started(namespace)
        await entry.loaded.wait()
        if entry.failure is not None:
            raise entry.failure
        return entry

    async def reached(self, namespace: str, position: int) -> Entry:
        """The entry, once it has seen the event at `position`; bounded by the caller's deadline.

        A caller knows a position because its write was committed, so a poll that begins now
        sees it. Comparing with a highest position alone would not do: a lower one can commit
        later. A position beyond the head of the log is waited for.

        Raises:
            NotHeld: as `entry`.
            Unavailable: the feed does not answer.
        """
        while True:
            entry = await self.entry(namespace)
            if not position or entry.view.has_seen(position):
                return entry
            await self.refresh()
            if self.head < position:
                await anyio.sleep(self._policy.poll_s)
            elif self._entries.get(namespace) is entry:  # an evicted one is no longer fed
                return entry

    async def soon(self, namespace: str, position: int, *, patience_s: float) -> Entry | None:
        """As `reached`; None when the view cannot be had soon.

        That is: `patience_s` after it began to load it is not loaded yet (loading goes on), or
        it is not held at all.
        """
        try:
            self.check_held(namespace)
            entry = self._started(namespace)
            left = entry.begun + patience_s - perf_counter()
            with anyio.move_on_after(max(0.0, left)):
                await entry.loaded.wait()
            return await self.reached(namespace, position) if entry.loaded.is_set() else None
        except NotHeld:
            return None

    def check_held(self, namespace: str, *, vectors: bool = False) -> None:
        """Raises `NotHeld` when it is known that no view, or none with vectors, can be had."""
        self._refusals.check(namespace, vectors=vectors)

    async def come_to(self, position: int) -> None:
        """Return once the log has come to `position`; bounded by the caller's deadline.

        Raises:
            Unavailable: the feed does not answer.
        """
        while self.head < position:
            await self.refresh()
            if self.head < position:
                await anyio.sleep(self._policy.poll_s)

    async def refresh(self) -> None:
        """Return once a poll of the feed that began after this call has been applied.

        Raises:
            Unavailable: the feed does not answer.
        """
        await self._polling.refresh()

    async def warm(self, namespaces: Sequence[str]) -> None:
        """Load views one after the other, as far as the budget goes; faults are left alone.

        What was put aside of namespaces other than these goes.
        """
        await self._shelf.keep_only(namespaces)
        for namespace in namespaces:
            if self._held >= self._policy.budget_bytes:
                return
            with suppress(SfmError):  # the first recall will say it
                await self.entry(namespace)

    @property
    def healthy(self) -> bool:
        """Whether the last poll of the feed succeeded."""
        return self._polling.healthy

    def loaded(self) -> dict[str, View]:
        return {name: entry.view for name, entry in list(self._entries.items()) if entry.is_ready}

    def peek(self, namespace: str) -> Entry | None:
        """The entry when it is loaded; loads nothing."""
        entry = self._entries.get(namespace)
        return entry if entry is not None and entry.is_ready else None

    @property
    def age_s(self) -> float:
        """Seconds since a poll of the feed last succeeded."""
        return self._polling.age_s

    def totals(self) -> tuple[int, int, int]:
        """(namespaces, live rows, bytes) of the loaded views."""
        views = self.loaded().values()
        return len(views), sum(view.live for view in views), self._held

    # -- for writes ------------------------------------------------------------------------

    async def apply(
        self,
        namespace: str,
        rows: Sequence[ViewRow],
        samples: Sequence[Sample],
        links: Sequence[LinkRow] = (),
    ) -> None:
        """Take in what this process has just committed; nothing when the view is not in use."""
        entry = self._entries.get(namespace)
        if entry is not None:
            await self._jobs.run(partial(self._apply, namespace, entry, rows, samples, links))

    async def held(self, namespace: str) -> int:
        """Live memories of the view in memory, and files of what was put aside."""
        entry = self.peek(namespace)
        return (0 if entry is None else entry.view.live) + await self._shelf.held(namespace)

    async def drop(self, namespace: str) -> None:
        """Forget a view, on disk too; the next recall builds it anew from the store.

        What is being put aside is waited for. What cannot be removed is in `held`.
        """
        self._refusals.forget(namespace)
        entry = self._entries.pop(namespace, None)
        if entry is not None:
            self._held -= entry.nbytes
        await self._shelf.drop(namespace, entry)

    # -- its own work ----------------------------------------------------------------------

    def _started(self, namespace: str) -> Entry:
        """The namespace's entry, as the most recently used; loading, if it is new."""
        entry = self._entries.get(namespace)
        if entry is None:
            light = self._refusals.is_light(namespace)
            view = View(namespace, dim=self._embedder.dim, analyzer=self._analyzer, light=light)
            entry = self._entries[namespace] = Entry(view)
            self._tasks.start_soon(self._load, namespace, entry)
        self._entries.move_to_end(namespace)
        return entry

    async def _load(self, namespace: str, entry: Entry) -> None:
        started = perf_counter()
        entry.failure = Unavailable("the process is stopping")  # if nothing else is said
        try:
            await self._fill(namespace, entry)
            entry.failure = None
        except SfmError as error:
            entry.failure = error
        except Exception:  # noqa: BLE001 - end of a job of its own: the recall is told
            _LOG.exception("view.failed", extra={"rows": entry.view.rows})
            entry.failure = SfmError("the view of this namespace cannot be built")
        finally:
            if entry.failure is not None and self._entries.get(namespace) is entry:
                self._held -= self._entries.pop(namespace).nbytes
            entry.loaded.set()
        self._telemetry.observe("view_load_seconds", perf_counter() - started)
        if entry.is_ready:
            self._shelf.offer(namespace, entry)
        self._keep_to_budget()

    async def _fill(self, namespace: str, entry: Entry) -> None:
        revision = self._embedder.model_revision
        entry.generation = await self._feed.generation(namespace)
        light = entry.view.is_light
        kept = None if light else await self._shelf.take_back(namespace, entry)
        if kept is None:
            token = await self._feed.token()
            async for rows in self._feed.load(namespace, model_revision=revision):
                await self._apply(namespace, entry, rows, ())
                self._refusals.weigh(namespace, entry.view.nbytes, light=light)
        else:
            token = kept.token
            async with entry.lock:
                entry.view, entry.unsaved = kept.view, 0
            self._refusals.weigh(namespace, entry.view.nbytes, light=light)
        async for links in self._feed.load_links(namespace):
            await self._apply(namespace, entry, (), (), links)
        samples, position = await self._feed.samples(namespace, limit=RESERVOIR)
        await self._apply(namespace, entry, (), samples)
        await anyio.to_thread.run_sync(entry.view.prepare)
        changes = await self._feed.changes(token, [namespace], model_revision=revision)
        await self._apply(
            namespace, entry, changes.rows, changes.samples.get(namespace, ()), changes.links
        )
        entry.view.advance(max(position, changes.positions.get(namespace, 0)))
        if changes.generations.get(namespace, entry.generation) != entry.generation:
            raise Unavailable("the namespace was erased while its view was built: try again")
        entry.token = changes.token

    async def _apply(
        self,
        namespace: str,
        entry: Entry,
        rows: Sequence[ViewRow],
        samples: Sequence[Sample],
        links: Sequence[LinkRow] = (),
    ) -> int:
        """Write into a view, a slice at a time; how many of the rows were news to it.

        A view that cannot take them is dropped, to be built anew by the next recall.
        """
        news = 0
        try:
            for start in range(0, max(1, len(rows), len(links)), SLICE):
                part = slice(start, start + SLICE)
                news += await entry.write(rows[part], samples, links[part])
                samples = ()
        except Exception:
            if self._entries.get(namespace) is entry:
                await self.drop(namespace)
            raise
        entry.unsaved += news
        self.recount(namespace, entry)
        return news

    def recount(self, namespace: str, entry: Entry) -> None:
        """Count anew what a view holds, and keep to the budget."""
        if self._entries.get(namespace) is entry:
            self._held += entry.view.nbytes - entry.nbytes
            entry.nbytes = entry.view.nbytes
            self._keep_to_budget()

    async def _poll(self) -> None:
        began, moment = perf_counter(), await self._feed.moment()
        polled = {name: entry for name, entry in self._entries.items() if entry.is_ready}
        if moment != self._moment or any(entry.moment != moment for entry in polled.values()):
            await self._follow(polled, moment)
            self._moment = moment
        self._lag.looked(began)
        for namespace, entry in polled.items():
            if self._entries.get(namespace) is entry:  # neither dropped nor evicted since
                self._shelf.offer(namespace, entry)
                await entry.forget_tombstones()

    async def _follow(self, polled: dict[str, Entry], moment: str) -> None:
        """Take in what was committed before `moment`, or since."""
        token = min((entry.token for entry in polled.values()), default=None)
        if token is None:
            token = await self._feed.token()
        revision = self._embedder.model_revision
        changes = await self._feed.changes(token, list(polled), model_revision=revision)
        await self._take(changes, polled)
        for namespace, entry in polled.items():
            if self._entries.get(namespace) is entry:
                entry.token, entry.moment = changes.token, moment
        self.head = max(self.head, changes.head)

    async def _take(self, changes: Changes, polled: dict[str, Entry]) -> None:
        all_rows, all_links = by_namespace(changes.rows), by_namespace(changes.links)
        for namespace, entry in polled.items():
            rows, links = all_rows.get(namespace, []), all_links.get(namespace, [])
            samples = changes.samples.get(namespace, ())
            if changes.generations.get(namespace, entry.generation) != entry.generation:
                await self.drop(namespace)
                continue
            news = 0
            try:
                if rows or samples or links:
                    news = await self._apply(namespace, entry, rows, samples, links)
            except Exception:  # noqa: BLE001 - one namespace's fault: its next recall tells
                _LOG.exception("view.failed", extra={"rows": len(rows)})
                continue
            entry.view.advance(changes.positions.get(namespace, 0))
            if news:
                self._lag.taken(rows)

    def _keep_to_budget(self) -> None:
        """Drop views beyond the budget: empty ones first, then the least recently used."""
        while self._held > self._policy.budget_bytes or len(self._entries) > MAX_VIEWS:
            ready = [name for name, entry in self._entries.items() if entry.is_ready][:-1]
            if not ready:
                return
            empty = (name for name in ready if not self._entries[name].view.rows)
            name = next(empty, ready[0])
            entry = self._entries.pop(name)
            self._held -= entry.nbytes
            self._shelf.offer(name, entry)
            self._telemetry.count("view_evictions_total")
