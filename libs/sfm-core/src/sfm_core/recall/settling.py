"""Rankings and the rows they rank, brought to agree while others write."""

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from time import perf_counter
from typing import Final, final
from uuid import UUID

import anyio

from sfm_core.errors import Unavailable
from sfm_core.model import Memory
from sfm_core.ports import RecordStore, Rows, Telemetry
from sfm_core.recall.rank import Candidate, Ranked
from sfm_core.recall.rankings import Ranking
from sfm_core.recall.view import Snapshot

TRIES: Final = 10
"""How often a recall is ranked, at most, when the store moves on from the view meanwhile."""
SHARE: Final = 0.5
"""Of the time that is left when ranking begins; after it nothing is ranked anew."""
PING_S: Final = 2.0
"""So long the store may take to say that it is there, where there is nothing to fetch."""

type Settled = tuple[Snapshot, Sequence[Ranked], Mapping[UUID, Memory]]


@final
class Settling:
    def __init__(self, *, rows: Rows, records: RecordStore, telemetry: Telemetry) -> None:
        self._rows = rows
        self._records = records
        self._telemetry = telemetry

    async def settled(
        self,
        namespace: str,
        ranking: Ranking,
        wanted: Callable[[Ranked], Sequence[Candidate]] = attrgetter("candidates"),
    ) -> Settled:
        """Ranks and the `wanted` rows, which agree.

        While they do not, the view catches up and all is ranked anew, `TRIES` times at most and
        within `SHARE` of the time to the caller's deadline. A row as one of these tries read it
        serves where it is what was ranked and the last try still finds the memory, not stored
        anew after a deletion. A row that has moved even so has another version than its candidate:
        who shows the hits says so.

        Raises:
            Unavailable: the store does not answer.
        """
        began = anyio.current_time()
        until = began + SHARE * (anyio.current_effective_deadline() - began)
        tries = TRIES
        read: dict[tuple[UUID, int], Memory] = {}
        while True:
            tries -= 1
            snapshot, ranked = await ranking.rank()
            versions = {c.id: c.version for one in ranked for c in wanted(one)}
            found = await self.fetch(namespace, versions)
            read |= {(id_, row.version): row for id_, row in found.items()}
            memories = {
                id_: _older(read.get((id_, versions[id_])), row) for id_, row in found.items()
            }
            moved = any(
                id_ not in memories or memories[id_].version != version
                for id_, version in versions.items()
            )
            if not moved or not tries or anyio.current_time() > until:
                return snapshot, await ranking.explained(snapshot, ranked), memories
            await ranking.renew()

    async def fetch(self, namespace: str, versions: Mapping[UUID, int]) -> Mapping[UUID, Memory]:
        """The rows as they are now; where there are none to fetch, proof that the store is there.

        Raises:
            Unavailable: the store does not answer, so an outage never looks like an empty memory.
        """
        started = perf_counter()
        if versions:
            memories = await self._rows.fetch(namespace, list(versions))
        else:
            memories = {}
            await self._answers()
        took = perf_counter() - started
        self._telemetry.observe("recall_stage_seconds", took, stage="hydrate")
        return memories

    async def _answers(self) -> None:
        with anyio.move_on_after(PING_S) as waiting:
            await self._records.ping()
        if waiting.cancelled_caught:
            raise Unavailable("the record store does not answer")


def _older(read: Memory | None, now: Memory) -> Memory:
    """What was `read` of a memory, if it is still that memory; else what is there `now`."""
    return now if read is None or read.created_at != now.created_at else read
