"""What becomes of a memory after it was stored: patched, looked back at, restored."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Final, final

import anyio

from sfm_core.coordinates import Coordinate
from sfm_core.errors import Conflict, InvalidInput, NotFound, PreconditionFailed, SfmError
from sfm_core.model import (
    F32,
    Applied,
    DeletedMany,
    EventType,
    History,
    HistoryQuery,
    Keep,
    Memory,
    MemoryDraft,
    MemoryPatch,
    Precondition,
    Receipt,
    Selection,
    Stamp,
    Stored,
    Upsert,
    Wait,
    Write,
)
from sfm_core.offload import off_loop
from sfm_core.ports import Clock, Embedder, EventLog, RecordStore
from sfm_core.remember.answers import answered
from sfm_core.remember.commits import Commits
from sfm_core.remember.content import content_key
from sfm_core.remember.deletes import ManyDeleted
from sfm_core.remember.patches import patched
from sfm_core.remember.replays import first_outcome
from sfm_core.text import effective_text, indexed_text

_ATTEMPTS: Final = 12
_PAUSE_S: Final = 0.004


@final
class Lifecycle:
    """Changes memories that are there, and brings back what they were."""

    def __init__(
        self,
        *,
        records: RecordStore,
        events: EventLog,
        embedder: Embedder,
        clock: Clock,
        commits: Commits,
    ) -> None:
        self._records = records
        self._events = events
        self._embedder = embedder
        self._clock = clock
        self._commits = commits

    async def patch(
        self,
        namespace: str,
        coordinate: Coordinate,
        patch: MemoryPatch,
        *,
        precondition: Precondition | None = None,
        receipt: Receipt | None = None,
        wait: Wait = Wait.INDEXED,
    ) -> Stored:
        """Change some of what lives at a coordinate; the rest stays as it is.

        What is read is the write's precondition, so no change made meanwhile is lost; without
        one of the caller's it is tried again. A patch after which all is as it was writes
        nothing and gives the version that is there. The text is derived anew where it was
        derived, and embedded anew when it became another one.

        Raises:
            NotFound: no memory lives there.
            PreconditionFailed: `precondition` does not hold.
            InvalidInput: the payload would become more than a memory may hold.
            Conflict: others kept changing the same memory.
            KeyReused, VectorIndexUnavailable, Unavailable: as `Remember.store`.
        """

        async def plan() -> Write:
            now = self._clock.now()
            memory = await self._living(namespace, coordinate, now)
            _check(precondition, memory)
            return await self._patching(memory, patch)

        return answered(await self._written(namespace, plan, receipt, wait, again=True), wait)

    async def history(self, namespace: str, coordinate: Coordinate, query: HistoryQuery) -> History:
        """A page of the versions of the memory there, the newest first, ends included.

        It tells what was, so also what has expired or is deleted.

        Raises:
            NotFound: nothing was ever stored there.
            Unavailable: the store does not answer.
        """
        found = await self._events.history(
            namespace, coordinate, limit=query.limit, before=query.before
        )
        if not found.events and not await self._records.last_version(namespace, coordinate):
            raise NotFound("nothing was ever stored there", coordinate=coordinate.text)
        return found

    async def version(self, namespace: str, coordinate: Coordinate, version: int) -> Memory:
        """The memory there as it stood right after that version was made.

        Raises:
            NotFound: there is no such version, or it is the memory's end.
            Unavailable: the store does not answer.
        """
        event = await self._events.at_version(namespace, coordinate, version)
        if event is None or event.memory is None:
            raise NotFound("the memory there has no such version", coordinate=coordinate.text)
        return event.memory

    async def restore(
        self,
        namespace: str,
        coordinate: Coordinate,
        version: int,
        *,
        precondition: Precondition | None = None,
        receipt: Receipt | None = None,
        wait: Wait = Wait.INDEXED,
    ) -> Stored:
        """Make an older version of a memory the newest, over what is there or is no more.

        All it said comes back, and when it came into being; only a time of expiry that has
        passed does not, as it would hide at once what was just asked for.

        Raises:
            NotFound: there is no such version.
            InvalidInput: that version is the memory's end: there is nothing to restore.
            PreconditionFailed: `precondition` does not hold.
            KeyReused, VectorIndexUnavailable, Unavailable: as `Remember.store`.
        """

        async def plan() -> Write:
            event = await self._events.at_version(namespace, coordinate, version)
            if event is None:
                raise NotFound("the memory there has no such version", coordinate=coordinate.text)
            if event.memory is None:
                raise InvalidInput(
                    f"version {version} is the memory's end: there is nothing to restore",
                    path="/version",
                )
            return await self._restoring(event.memory, precondition)

        return answered(await self._written(namespace, plan, receipt, wait, again=False), wait)

    async def delete_many(
        self,
        namespace: str,
        selection: Selection,
        *,
        receipt: Receipt | None = None,
        wait: Wait = Wait.INDEXED,
    ) -> DeletedMany:
        """Delete the memories that are meant, in steps; see `ManyDeleted`.

        Raises:
            Conflict: others kept changing memories that the filter admits, or the namespace
                was erased meanwhile.
            VectorIndexUnavailable: all are deleted; the vector index still has some of them.
            KeyReused, Unavailable: as `Remember.store`.
        """
        job = ManyDeleted(
            records=self._records,
            commits=self._commits,
            namespace=namespace,
            generation=await self._commits.generation(namespace),
            receipt=receipt,
            wait=wait,
        )
        return answered(await job.run(selection, now=self._clock.now()), wait)

    async def _living(self, namespace: str, coordinate: Coordinate, now: datetime) -> Memory:
        memory = (await self._records.get(namespace, [coordinate])).get(coordinate)
        if memory is None or memory.has_expired(now):
            raise NotFound("no memory lives there", coordinate=coordinate.text)
        return memory

    async def _patching(self, memory: Memory, patch: MemoryPatch) -> Write:
        unchanged = Precondition(version=memory.version)
        draft = await off_loop(lambda: patched(memory.draft, patch), when=patch.payload is not None)
        if draft is None:
            return Keep(coordinate=memory.coordinate, precondition=unchanged)
        text = effective_text(draft)
        vector = await self._stored_vector(memory) if text == memory.text else None
        return await self._upsert(memory.coordinate, draft, text, unchanged, vector=vector)

    async def _restoring(self, memory: Memory, precondition: Precondition | None) -> Write:
        draft = memory.draft
        if memory.has_expired(self._clock.now()):
            draft = replace(draft, expires_at=None)
        stamp = Stamp(event=EventType.RESTORED, created_at=memory.created_at)
        return await self._upsert(memory.coordinate, draft, memory.text, precondition, stamp=stamp)

    async def _upsert(
        self,
        coordinate: Coordinate,
        draft: MemoryDraft,
        text: str,
        precondition: Precondition | None,
        *,
        vector: F32 | None = None,
        stamp: Stamp | None = None,
    ) -> Upsert:
        if vector is None:
            indexed = indexed_text(text, source=draft.source, occurred_at=draft.occurred_at)
            [vector] = await self._embedder.embed([indexed])
        return Upsert(
            coordinate=coordinate,
            draft=draft,
            text=text,
            vector=vector,
            model_revision=self._embedder.info.model_revision,
            content_key=await off_loop(lambda: content_key(draft), when=True),
            precondition=precondition,
            stamp=stamp,
        )

    async def _stored_vector(self, memory: Memory) -> F32 | None:
        """The memory's vector under the model in use, if there is one.

        When it is a newer version's by now, the write it is for fails.
        """
        rows = await self._records.view_rows(
            memory.namespace, [memory.id], model_revision=self._embedder.info.model_revision
        )
        return next((row.vector for row in rows), None)

    async def _written(
        self,
        namespace: str,
        plan: Callable[[], Awaitable[Write]],
        receipt: Receipt | None,
        wait: Wait,
        *,
        again: bool,
    ) -> Stored:
        """Plan and write, `again` when what was looked at has changed by then.

        A plan that fails is no failure of a repeat: that gets the first answer.
        """
        generation = await self._commits.generation(namespace)
        for attempt in range(_ATTEMPTS):
            try:
                write = await plan()
            except (NotFound, InvalidInput, PreconditionFailed):
                before = await first_outcome(
                    self._commits, namespace, receipt, generation=generation, wait=wait
                )
                if before is None:
                    raise
                return _stored(before)
            applied = await self._commits.commit(
                namespace,
                [write],
                receipt,
                now=self._clock.now(),
                generation=generation,
                wait=wait,
            )
            if not again or not isinstance(applied.outcomes[0], SfmError):
                return _stored(applied)
            await anyio.sleep(_PAUSE_S * (attempt + secrets.randbelow(1000) / 1000))
        raise Conflict("others kept changing the same memory")


def _check(precondition: Precondition | None, memory: Memory) -> None:
    """The caller's condition, of what was read; the write then holds to that version."""
    if precondition is None:
        return
    if precondition.absent or precondition.version not in (None, memory.version):
        raise PreconditionFailed(
            "the stored memory is not what the request expects", coordinate=memory.coordinate.text
        )


def _stored(applied: Applied) -> Stored:
    outcome = applied.outcomes[0]
    if isinstance(outcome, SfmError):
        raise outcome
    return Stored(
        coordinate=outcome.coordinate,
        id=outcome.id,
        version=outcome.version,
        position=outcome.position,
        event_id=outcome.event_id,
        created=False,
        replayed=applied.replayed,
        indexed=outcome.id not in applied.pending,
    )
