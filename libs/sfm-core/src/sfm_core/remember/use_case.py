"""The write use-cases, over ports only."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from sfm_core.coordinates import Coordinate
from sfm_core.errors import Conflict, InvalidInput, NotFound, SfmError
from sfm_core.model import (
    Applied,
    BatchStored,
    Delete,
    EventType,
    ListQuery,
    Memory,
    MemoryDraft,
    Page,
    Precondition,
    Receipt,
    Stored,
    StoreItem,
    Wait,
    WriteOutcome,
    Written,
)
from sfm_core.ports import (
    AccessNotes,
    Clock,
    Embedder,
    NoNotes,
    NoTelemetry,
    RecordStore,
    Telemetry,
)
from sfm_core.remember.answers import answered
from sfm_core.remember.commits import Commits
from sfm_core.remember.intents import Item
from sfm_core.remember.plan import Planner
from sfm_core.timing import timed

_ATTEMPTS: Final = 6


class Remember:
    """Stores, deletes and reads memories by place.

    Texts are embedded before the transaction, never inside. What is written goes by `Commits`.
    """

    def __init__(
        self,
        *,
        records: RecordStore,
        embedder: Embedder,
        clock: Clock,
        commits: Commits,
        notes: AccessNotes | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._records = records
        self._embedder = embedder
        self._clock = clock
        self._commits = commits
        self._notes = notes or NoNotes()
        self._telemetry = telemetry or NoTelemetry()

    async def store(
        self,
        namespace: str,
        coordinate: Coordinate,
        draft: MemoryDraft,
        *,
        precondition: Precondition | None = None,
        receipt: Receipt | None = None,
        wait: Wait = Wait.INDEXED,
    ) -> Stored:
        """Store a memory at a coordinate, over what is there.

        Raises:
            PreconditionFailed: the stored memory is not what the request expects.
            KeyReused: the receipt's key came with another request before.
            VectorIndexUnavailable: it is stored; the vector index, which `wait` waits for,
                does not have it yet.
            Unavailable: the embedder or the store does not answer; in the latter case whether
                it was written is unknown.
        """
        with timed(self._telemetry, "store_duration_seconds"):
            item = Item(draft=draft, coordinate=coordinate, precondition=precondition)
            stored = await self._store(namespace, [item], receipt, wait)
            return answered(_only(stored), wait)

    async def remember(
        self,
        namespace: str,
        draft: MemoryDraft,
        *,
        coordinate: Coordinate | None = None,
        receipt: Receipt | None = None,
        wait: Wait = Wait.INDEXED,
    ) -> Stored:
        """Store a memory at a coordinate it finds by itself.

        The same memory again (kind, payload, `occurred_at`) is the one that is there, and
        answers `deduplicated`: it is written only when it says something new beside its
        content (text, importance, tags, session, source, expiry, pin); what it leaves at the
        default stays as it was. With a coordinate this is `store`.

        Raises:
            Conflict: others kept writing the same memory.
            KeyReused, VectorIndexUnavailable, Unavailable: as `store`.
        """
        with timed(self._telemetry, "store_duration_seconds"):
            item = Item(draft=draft, coordinate=coordinate)
            stored = await self._store(namespace, [item], receipt, wait)
            return answered(_only(stored), wait)

    async def store_many(
        self,
        namespace: str,
        items: Sequence[StoreItem],
        *,
        receipt: Receipt | None = None,
        wait: Wait = Wait.INDEXED,
    ) -> BatchStored:
        """Store what is valid of a batch, in one transaction and one embedding call.

        Items with faults get their `InvalidInput`; the others proceed, as `store` or, without a
        coordinate, as `remember`.

        Raises:
            VectorIndexUnavailable: all that is valid is stored; the vector index does not have
                all of it yet. Its outcome tells of each item.
            Conflict, KeyReused, Unavailable: as `remember`; then nothing of the batch is known
                to be written.
        """
        with timed(self._telemetry, "store_duration_seconds"):
            self._telemetry.observe("store_batch_items", float(len(items)))
            valid = {
                index: Item(draft=item.draft, coordinate=item.coordinate)
                for index, item in enumerate(items)
                if item.draft is not None and not item.faults
            }
            stored: BatchStored = BatchStored(results=(), position=0)
            if valid:
                stored = await self._store(namespace, list(valid.values()), receipt, wait)
            found = dict(zip(valid, stored.results, strict=True))
            results = tuple(
                found[index] if index in found else _faulty(item)
                for index, item in enumerate(items)
            )
            return answered(replace(stored, results=results), wait)

    async def get(self, namespace: str, coordinate: Coordinate) -> Memory:
        """The live memory at a coordinate.

        Raises:
            NotFound: none is there, or it has expired.
            Unavailable: the store does not answer.
        """
        memory = (await self._records.get(namespace, [coordinate])).get(coordinate)
        if memory is not None:
            expires_at = memory.draft.expires_at
            if expires_at is None or expires_at > self._clock.now():
                self._notes.note(namespace, [memory.id])
                return memory
        raise NotFound("no memory lives there", coordinate=coordinate.text)

    async def list(self, namespace: str, query: ListQuery) -> Page:
        """A page of live, unexpired memories, oldest first.

        Raises:
            InvalidInput: the cursor is not one that a page gave.
            Unavailable: the store does not answer.
        """
        return await self._records.list(namespace, query, now=self._clock.now())

    async def delete(
        self,
        namespace: str,
        coordinate: Coordinate,
        *,
        precondition: Precondition | None = None,
        receipt: Receipt | None = None,
        wait: Wait = Wait.INDEXED,
    ) -> Written:
        """Delete the memory at a coordinate; again: nothing, with the outcome of the first time.

        Raises:
            NotFound: nothing was ever stored there.
            Conflict: the namespace was erased meanwhile.
            PreconditionFailed, KeyReused, VectorIndexUnavailable, Unavailable: as `store`.
        """
        generation = await self._commits.generation(namespace)
        write = Delete(coordinate=coordinate, precondition=precondition)
        applied = await self._commits.commit(
            namespace, [write], receipt, generation=generation, wait=wait
        )
        [outcome] = applied.outcomes
        if isinstance(outcome, SfmError):
            raise outcome
        indexed = outcome.id not in applied.pending
        return answered(replace(outcome, replayed=applied.replayed, indexed=indexed), wait)

    async def _store(
        self, namespace: str, items: Sequence[Item], receipt: Receipt | None, wait: Wait
    ) -> BatchStored:
        """Plan and write until no item without a coordinate lost a race.

        Such items carry preconditions of ours: what was looked up must still be so. When one
        fails, nothing is kept of the call, its receipt neither, and all is planned anew.
        """
        planner = Planner(
            records=self._records,
            embedder=self._embedder,
            namespace=namespace,
            now=self._clock.now(),
            items=items,
        )
        ours = any(item.coordinate is None for item in items)
        generation = await self._commits.generation(namespace)
        for _ in range(_ATTEMPTS):
            writes = await planner.plan()
            applied = await self._commits.commit(
                namespace,
                writes,
                receipt,
                all_or_none=ours,
                now=planner.now,
                generation=generation,
                wait=wait,
            )
            lost = any(isinstance(outcome, SfmError) for outcome in applied.outcomes)
            if applied.replayed or not (ours and lost):
                return _stored(items, applied)
        raise Conflict("others kept changing the same memory")


def _stored(items: Sequence[Item], applied: Applied) -> BatchStored:
    results = tuple(
        _result(item, outcome, applied)
        for item, outcome in zip(items, applied.outcomes, strict=True)
    )
    done = [o.position for o in applied.outcomes if isinstance(o, Written)]
    return BatchStored(results=results, position=max(done, default=0), replayed=applied.replayed)


def _result(item: Item, outcome: WriteOutcome, applied: Applied) -> Stored | SfmError:
    if isinstance(outcome, SfmError):
        return outcome
    created = outcome.changed and outcome.type is EventType.CREATED
    return Stored(
        coordinate=outcome.coordinate,
        id=outcome.id,
        version=outcome.version,
        position=outcome.position,
        event_id=outcome.event_id,
        created=created,
        deduplicated=item.coordinate is None and not created,
        replayed=applied.replayed,
        indexed=outcome.id not in applied.pending,
    )


def _only(stored: BatchStored) -> Stored:
    [result] = stored.results
    if isinstance(result, SfmError):
        raise result
    return result


def _faulty(item: StoreItem) -> InvalidInput:
    return InvalidInput("the item is not valid", faults=item.faults)
