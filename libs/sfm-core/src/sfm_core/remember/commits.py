"""Committing writes and showing them: the one way by which anything is written."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, final

from sfm_core.errors import SfmError
from sfm_core.generations import Generations
from sfm_core.indexing import IndexWriter
from sfm_core.model import Applied, Receipt, ViewRow, Wait, Write, Written
from sfm_core.offload import INLINE_ITEMS, off_loop
from sfm_core.ports import Applier, Embedder, Jobs, RecordStore, Shown
from sfm_core.remember.rows import changed_rows, unshown

_LOG: Final = logging.getLogger(__name__)


@final
class Commits:
    """Writes are jobs: once begun they are finished and shown to this process's views, before
    the answer, and also when the caller is cancelled. What is acknowledged without a change (a
    memory that was there, a replay) is shown as well: another process may have written it.
    `wake` is told the namespace after each: who follows its log may look.
    """

    def __init__(
        self,
        *,
        records: RecordStore,
        embedder: Embedder,
        applied: Applier,
        jobs: Jobs,
        wake: Callable[[str], None] = lambda _: None,
        generations: Generations | None = None,
        index: IndexWriter | None = None,
    ) -> None:
        """`index`: None where there is no vector index to be told."""
        self._records = records
        self._embedder = embedder
        self._applied = applied
        self._jobs = jobs
        self._wake = wake
        self._generations = generations or Generations()
        self._index = index

    async def generation(self, namespace: str) -> int:
        """What a write that begins now is to give to `commit`: see `Generations`.

        Raises:
            Unavailable: the store does not answer.
        """
        return await self._generations.now(namespace, self._records.generation)

    async def commit(
        self,
        namespace: str,
        writes: Sequence[Write],
        receipt: Receipt | None = None,
        *,
        all_or_none: bool = False,
        now: datetime | None = None,
        generation: int | None = None,
        wait: Wait = Wait.INDEXED,
    ) -> Applied:
        """`RecordStore.apply`, shown, and told to the vector index, which `wait` may wait for.

        `generation` is what was noted when that was begun which is written now. A vector index
        that does not take it fails nothing: `Applied.pending` says so.

        Raises:
            Conflict: the namespace was erased since; nothing was written.
            KeyReused, InvalidInput, Unavailable: as `RecordStore.apply`.
        """

        async def job() -> Applied:
            applied = await self._records.apply(
                namespace,
                writes,
                receipt=receipt,
                all_or_none=all_or_none,
                now=now,
                generation=generation,
            )
            self._generations.note(namespace, applied.generation)
            self._wake(namespace)
            undone = all_or_none and any(isinstance(o, SfmError) for o in applied.outcomes)
            if undone and not applied.replayed:
                return applied
            rows = await self._show(namespace, writes, applied)
            return await self._indexed(namespace, applied, rows, wait)

        return await self._jobs.run(job)

    async def put[T](
        self,
        namespace: str,
        write: Callable[[], Awaitable[T]],
        shown: Callable[[T], Shown],
        *,
        generation: int,
    ) -> T:
        """`ports.Committer.put`."""

        async def job() -> T:
            done = await write()
            self._generations.note(namespace, generation)
            self._wake(namespace)
            samples, links = shown(done)
            if (samples or links) and generation >= self._generations.known(namespace):
                try:
                    await self._applied.apply(namespace, (), samples, links)
                except Exception:  # noqa: BLE001 - it is durable; the feed brings it to the view
                    _LOG.exception("view.failed", extra={"rows": len(samples) + len(links)})
            return done

        return await self._jobs.run(job)

    async def _show(
        self, namespace: str, writes: Sequence[Write], applied: Applied
    ) -> Sequence[ViewRow]:
        """Give committed rows to the views; a fault there must not fail what is durable.

        Gives the rows of what was acknowledged, as far as they are known.
        """
        rows: list[ViewRow] = []
        try:
            rows, samples = await off_loop(
                lambda: changed_rows(namespace, writes, applied),
                when=len(writes) > INLINE_ITEMS,
            )
            if ids := unshown(applied, rows):
                revision = self._embedder.info.model_revision
                rows += await self._records.view_rows(namespace, ids, model_revision=revision)
            if rows and applied.generation >= self._generations.known(namespace):
                await self._applied.apply(namespace, rows, samples, applied.unlinked)
        except Exception:  # noqa: BLE001 - the write is durable; the feed brings it to the view
            _LOG.exception("view.failed", extra={"rows": len(writes)})
        return rows

    async def _indexed(
        self, namespace: str, applied: Applied, rows: Sequence[ViewRow], wait: Wait
    ) -> Applied:
        if self._index is None:
            return applied
        done = {outcome.id for outcome in applied.outcomes if isinstance(outcome, Written)}
        fresh = {o.id for o in applied.outcomes if isinstance(o, Written) and o.changed}
        again = applied.replayed or fresh < done
        tell = self._index.now if wait is Wait.INDEXED else self._index.later
        pending = done.difference(row.id for row in rows)
        if rows:
            pending |= await tell(namespace, rows, generation=applied.generation, again=again)
        return replace(applied, pending=frozenset(pending))
