"""Deleting many memories: in steps, each a transaction of its own, and yet once per key."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sfm_core.coordinates import Coordinate
from sfm_core.errors import Conflict, SfmError
from sfm_core.filters import Filter, matches
from sfm_core.model import (
    Applied,
    Delete,
    DeletedMany,
    ListQuery,
    Memory,
    Precondition,
    Receipt,
    Selection,
    Wait,
    Written,
)
from sfm_core.offload import off_loop
from sfm_core.ports import RecordStore
from sfm_core.remember.commits import Commits
from sfm_core.remember.replays import first_outcome

STEP: Final = 500
"""Memories deleted in one transaction."""
_ROUNDS: Final = 8


@dataclass(slots=True, kw_only=True)
class ManyDeleted:
    """One call to delete many memories.

    By a filter, only what it admits is deleted, at the version that it was admitted at; what
    changed in between is looked at again. A memory that has expired is admitted by no filter.

    Each step has a receipt of its own, under the call's key and the step's number, and the end
    one under the key alone. So a call that was cut is completed by its repeat, and a repeat of
    one that ended deletes nothing, whatever was stored since; both answer with all the steps.
    """

    records: RecordStore
    commits: Commits
    namespace: str
    generation: int
    """What was noted before the first look: nothing of a later life is deleted."""
    receipt: Receipt | None
    wait: Wait = Wait.INDEXED
    _pending: int = 0
    _step: int = 0
    _deleted: int = 0
    _position: int = 0

    async def run(self, selection: Selection, *, now: datetime) -> DeletedMany:
        """What there was of the selection is deleted when this returns.

        Raises:
            Conflict: others kept changing memories that the filter admits, or the namespace
                was erased meanwhile.
            KeyReused: the key came with another request.
            Unavailable: the store does not answer; some may be deleted.
        """
        if await self._first_outcome(self.receipt) is not None:
            await self._count_earlier_steps()
            return self._result(replayed=True)
        if selection.coordinates is not None:
            await self._delete([Delete(coordinate=at) for at in selection.coordinates])
        else:
            await self._delete_admitted(selection.filter, now)
        await self._count_earlier_steps()
        if self.receipt is None:
            return self._result(replayed=False)
        end = await self._commit([], self.receipt)
        return self._result(replayed=end.replayed)

    def _result(self, *, replayed: bool) -> DeletedMany:
        return DeletedMany(
            deleted=self._deleted,
            position=self._position,
            replayed=replayed,
            pending=self._pending,
        )

    async def _delete_admitted(self, filter_: Filter | None, now: datetime) -> None:
        async for page in self._pages(filter_, now):
            left: Sequence[Memory] = page
            for _ in range(_ROUNDS):
                lost = await self._delete([_as_it_is(memory) for memory in left])
                if not lost:
                    break
                left = await self._still_admitted(lost, filter_, now)
            else:
                raise Conflict("others kept changing memories that the filter admits")

    async def _pages(
        self, filter_: Filter | None, now: datetime
    ) -> AsyncIterator[Sequence[Memory]]:
        query = ListQuery(filter=filter_, limit=STEP)
        while True:
            page = await self.records.list(self.namespace, query, now=now)
            if page.memories:
                yield page.memories
            if page.next_cursor is None:
                return
            query = replace(query, cursor=page.next_cursor)

    async def _still_admitted(
        self, at: Sequence[Coordinate], filter_: Filter | None, now: datetime
    ) -> list[Memory]:
        """Of the memories at these places those that the filter admits as they are now."""
        there = (await self.records.get(self.namespace, at)).values()
        return await off_loop(
            lambda: [memory for memory in there if _admits(filter_, memory, now)], when=True
        )

    async def _delete(self, writes: Sequence[Delete]) -> list[Coordinate]:
        """Delete in one step; where others were faster nothing happens, and those are told.

        Steps of an earlier call with the same key are counted, not done again.
        """
        while writes:
            applied = await self._commit(writes, self._step_receipt())
            self._count(applied)
            if not applied.replayed:
                return [
                    write.coordinate
                    for write, outcome in zip(writes, applied.outcomes, strict=True)
                    if isinstance(outcome, SfmError) and write.precondition is not None
                ]
        return []

    async def _count_earlier_steps(self) -> None:
        """Count what calls with this key did beyond the steps of this one."""
        while applied := await self._first_outcome(self._step_receipt()):
            self._count(applied)

    async def _commit(self, writes: Sequence[Delete], receipt: Receipt | None) -> Applied:
        return await self.commits.commit(
            self.namespace, writes, receipt, generation=self.generation, wait=self.wait
        )

    async def _first_outcome(self, receipt: Receipt | None) -> Applied | None:
        return await first_outcome(
            self.commits, self.namespace, receipt, generation=self.generation, wait=self.wait
        )

    def _step_receipt(self) -> Receipt | None:
        """Callers' keys hold no space, so no key of theirs is this one."""
        if self.receipt is None:
            return None
        return replace(self.receipt, key=f"{self.receipt.key} {self._step}")

    def _count(self, applied: Applied) -> None:
        """A step in which something was done or known has kept its receipt: on to the next."""
        done = [outcome for outcome in applied.outcomes if isinstance(outcome, Written)]
        self._step += bool(done)
        self._deleted += sum(outcome.changed for outcome in done)
        self._pending += len(applied.pending)
        self._position = max(
            [self._position, *(outcome.position for outcome in done if outcome.changed)]
        )


def _as_it_is(memory: Memory) -> Delete:
    unchanged = Precondition(version=memory.version)
    return Delete(coordinate=memory.coordinate, precondition=unchanged)


def _admits(filter_: Filter | None, memory: Memory, now: datetime) -> bool:
    if memory.has_expired(now):
        return False
    return filter_ is None or matches(filter_, memory.attributes())
