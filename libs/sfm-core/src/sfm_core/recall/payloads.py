"""Columns for the payload paths that filters ask for: made in the background, once for all."""

import logging
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, final
from uuid import UUID

import anyio
import anyio.abc
import anyio.to_thread
import numpy as np
import orjson

from sfm_core.columns import MAX_PAYLOAD_COLUMNS, Draft
from sfm_core.errors import Corrupt, InvalidInput, SfmError, Unavailable
from sfm_core.filters import Filter, payload_paths
from sfm_core.model import I32, I64
from sfm_core.ports import ChangeFeed
from sfm_core.recall.entry import Entry

_LOG: Final = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Reading:
    """One pass over a namespace's payloads, for one path or several."""

    paths: set[str] = field(default_factory=set)
    begun: bool = False
    done: anyio.Event = field(default_factory=anyio.Event)
    failure: SfmError | None = None


@final
class PayloadColumns:
    """Makes the columns of payload paths when they are first asked for.

    The payloads are read and coded in a task of its own, one reading per view at a time:
    who gives up waiting leaves it running, and finds it done, or further on, the next time.
    A path that is asked meanwhile joins the reading that is under way, or the next one.

    The view is not locked meanwhile. Rows that come while reading are in the new columns from
    the start (`Columns.begin`); the rows before get what the store has now, which for a memory
    changed since is its newer payload: that row is about to be replaced.
    """

    def __init__(
        self,
        tasks: anyio.abc.TaskGroup,
        *,
        feed: ChangeFeed,
        grown: Callable[[str, Entry], None],
    ) -> None:
        self._tasks = tasks
        self._feed = feed
        self._grown = grown
        self._readings: dict[Entry, list[_Reading]] = {}

    @asynccontextmanager
    async def held(
        self, entry: Entry, namespace: str, filters: Iterable[Filter | None]
    ) -> AsyncGenerator[None]:
        """In the block every snapshot of the view has the columns these filters ask for.

        Raises:
            InvalidInput: the filters name more than `MAX_PAYLOAD_COLUMNS` payload paths.
            Unavailable: the store does not answer, or all is being closed.
            Corrupt: a stored payload cannot be read.
        """
        paths = frozenset[str]().union(*(payload_paths(f) for f in filters if f is not None))
        if len(paths) > MAX_PAYLOAD_COLUMNS:
            said = f"the filters name {len(paths)} payload paths, more than {MAX_PAYLOAD_COLUMNS}"
            raise InvalidInput(said, path="/queries")
        entry.view.columns.pin(paths)
        try:
            while missing := entry.view.columns.missing(paths):
                reading = self._joined(entry, namespace, missing)
                await reading.done.wait()
                if reading.failure is not None:
                    raise reading.failure
            yield
        finally:
            entry.view.columns.unpin(paths)

    def _joined(self, entry: Entry, namespace: str, missing: frozenset[str]) -> _Reading:
        """The reading after which none of the paths will be missing."""
        readings = self._readings.get(entry)
        if readings is None:
            self._tasks.start_soon(self._drain, entry, namespace)
            readings = self._readings[entry] = [_Reading()]
        if readings[0].begun:
            missing -= readings[0].paths
            if not missing:
                return readings[0]
        if readings[-1].begun:
            readings.append(_Reading())
        readings[-1].paths |= missing
        return readings[-1]

    async def _drain(self, entry: Entry, namespace: str) -> None:
        readings = self._readings[entry]
        try:
            while readings:
                await self._settle(entry, namespace, readings[0])
                readings.pop(0).done.set()
        finally:
            del self._readings[entry]
            for reading in readings:  # only when cancelled in between
                reading.failure = Unavailable("the process is stopping")
                reading.done.set()

    async def _settle(self, entry: Entry, namespace: str, reading: _Reading) -> None:
        reading.begun = True
        try:
            await self._build(entry, namespace, reading.paths)
        except SfmError as error:
            reading.failure = error
        except Exception:  # noqa: BLE001 - end of a job of its own: the recall is told
            _LOG.exception("columns.failed", extra={"rows": entry.view.rows})
            reading.failure = SfmError("the columns for this filter cannot be built")

    async def _build(self, entry: Entry, namespace: str, paths: Iterable[str]) -> None:
        async with entry.lock:
            draft = entry.view.columns.begin(paths)
        try:
            found = _Found(draft)
            async for batch in self._feed.payloads(namespace):
                await anyio.to_thread.run_sync(found.add, batch)
            await _filled(entry, found)
            self._grown(namespace, entry)
        finally:
            with anyio.CancelScope(shield=True):
                async with entry.lock:  # a compaction under way would keep the draft
                    entry.view.columns.abandon()


class _Found:
    """Codes of the payloads read so far, by memory; they hold whatever is compacted."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._at: dict[bytes, int] = {}
        self._codes: list[I32] = [np.zeros((1, len(draft.columns)), dtype=np.int32)]
        self._read = 1

    def add(self, batch: Sequence[tuple[UUID, int, str]]) -> None:
        """Parse and code a batch: the long part of the work."""
        codes = [self._draft.codes(_parsed(memory, text)) for memory, _, text in batch]
        shape = (len(batch), len(self._draft.columns))
        self._codes.append(np.array(codes, dtype=np.int32).reshape(shape))
        for number, (memory, _, _) in enumerate(batch, start=self._read):
            self._at[memory.bytes] = number
        self._read += len(batch)

    def placed(self, ids: Sequence[bytes], rows: int) -> list[I32]:
        """The codes of the first rows of a view, one array of shape (rows,) per path."""
        places = (self._at.get(memory, 0) for memory in islice(ids, rows))
        order: I64 = np.fromiter(places, dtype=np.int64, count=rows)
        by_path = np.concatenate(self._codes).T
        return [codes[order] for codes in by_path]


async def _filled(entry: Entry, found: _Found) -> None:
    """Fill in and complete the draft; placed anew when a compaction came in between."""
    while True:
        async with entry.lock:
            draft, ids = entry.view.columns.draft, entry.view.ids_in_row_order()
        if draft is None:
            raise SfmError("the columns in the making are gone")
        placed = await anyio.to_thread.run_sync(found.placed, ids, draft.rows)
        async with entry.lock:
            columns = entry.view.columns
            if columns.draft is draft:
                await anyio.to_thread.run_sync(columns.fill, placed)
                columns.complete()
                return


def _parsed(memory: UUID, text: str) -> Mapping[str, object]:
    try:
        payload = orjson.loads(text)
    except orjson.JSONDecodeError:
        payload = None
    if not isinstance(payload, dict):
        raise Corrupt("a stored payload is not a JSON object", id=str(memory))
    return payload
