"""The Archive over PostgreSQL: state read from the log, so that no transaction stays open."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any, Final

from sfm_core.adapters.postgres.events import event_of, events_of
from sfm_core.adapters.postgres.pool import Pool
from sfm_core.adapters.postgres.queries import load_queries
from sfm_core.adapters.postgres.rows import memory_of, vector_of
from sfm_core.adapters.postgres.writes import Connection, enter
from sfm_core.coordinates import Coordinate, memory_id
from sfm_core.importance import RESERVOIR
from sfm_core.model import (
    Archived,
    CarriedSample,
    Cut,
    Link,
    LinkKey,
    LinkOccupant,
    Occupant,
    Sample,
)
from sfm_core.offload import off_loop

_SQL: Final = load_queries("archive")
_FIRST: Final = 1
"""Generation of a namespace that nobody wrote to."""
_PAGE: Final = 500
_PAGE_BYTES: Final = 4 * 1024 * 1024
"""Of bodies; one more than fits may be on a page."""


class PostgresArchive:
    """Implements `Archive`; needs a migrated schema. `dim`: the length vectors are to have."""

    def __init__(self, pool: Pool, *, dim: int | None = None) -> None:
        self._pool = pool
        self._dim = dim

    async def cut(self, namespace: str) -> Cut:
        async def body(connection: Connection) -> Cut:
            fenced = await connection.fetchrow(_SQL["fence"], namespace)
            if fenced is None:
                return Cut(position=0, generation=_FIRST)
            position = await connection.fetchval(_SQL["end_of_log"], namespace)
            return Cut(position=int(position), generation=fenced["generation"])

        return await self._pool.in_transaction(body, namespace=namespace, patient=True)

    async def scan(
        self, namespace: str, cut: Cut, *, history: bool, model_revision: str | None
    ) -> AsyncIterator[Sequence[Archived]]:
        samples = [] if history else await self._past_samples(namespace, cut)
        behind = 0
        while True:
            page = await self._page(namespace, cut, behind, model_revision, history=history)
            upto = page[-1].position if page else cut.position
            due = [sample for sample in samples if sample.position <= upto]
            samples = samples[len(due) :]
            if page or due:
                yield sorted([*page, *due], key=lambda one: one.position)
            if not page:
                return
            behind = upto

    async def links(self, namespace: str, cut: Cut) -> AsyncIterator[Sequence[Link]]:
        behind = 0
        while True:
            async with self._pool.paged(namespace) as connection:
                rows = await connection.fetch(
                    _SQL["scan_links"], namespace, behind, cut.position, _PAGE
                )
            if rows:
                events = await events_of(rows)
                yield [event.link for event in events if event.link is not None]
                behind = events[-1].position
            if len(rows) < _PAGE:
                return

    async def links_standing(
        self, namespace: str, keys: Collection[LinkKey]
    ) -> Mapping[LinkKey, LinkOccupant]:
        asked = list(keys)
        async with self._pool.scoped(namespace) as connection:
            rows = await connection.fetch(
                _SQL["links_standing"],
                namespace,
                [memory_id(namespace, key.origin) for key in asked],
                [memory_id(namespace, key.target) for key in asked],
                [key.type for key in asked],
            )
        return {
            asked[row["n"] - 1]: LinkOccupant(
                weight=None if row["deleted"] else row["weight"], updated_at=row["updated_at"]
            )
            for row in rows
        }

    async def generation(self, namespace: str) -> int:
        async with self._pool.unscoped() as connection:
            return int(await connection.fetchval(_SQL["generation"], namespace) or _FIRST)

    async def standing(
        self, namespace: str, coordinates: Collection[Coordinate]
    ) -> Mapping[Coordinate, Occupant]:
        async with self._pool.scoped(namespace) as connection:
            rows = await connection.fetch(
                _SQL["standing"], namespace, [c.text for c in coordinates]
            )
        return await off_loop(
            lambda: {Coordinate(row["coord"]): _standing_of(row) for row in rows},
            when=len(rows) > 1,
        )

    async def keep_samples(
        self, namespace: str, samples: Sequence[CarriedSample], *, generation: int | None = None
    ) -> Sequence[Sample]:
        async def body(connection: Connection) -> list[Sample]:
            entered = await enter(connection, namespace, batch=True, generation=generation)
            rows = await connection.fetch(
                _SQL["keep_samples"],
                namespace,
                [memory_id(namespace, sample.coordinate) for sample in samples],
                [sample.coordinate.text for sample in samples],
                [sample.version for sample in samples],
                [sample.importance for sample in samples],
                entered.xid,
            )
            return [Sample(position=row["seq"], importance=row["importance"]) for row in rows]

        return await self._pool.in_transaction(body, namespace=namespace)

    async def _page(
        self, namespace: str, cut: Cut, behind: int, model_revision: str | None, *, history: bool
    ) -> list[Archived]:
        async with self._pool.paged(namespace) as connection:
            rows = await connection.fetch(
                _SQL["scan_history"] if history else _SQL["scan_current"],
                namespace,
                behind,
                cut.position,
                model_revision,
                _PAGE,
                _PAGE_BYTES,
            )
        return await off_loop(
            lambda: [_archived_of(row, self._dim) for row in rows], when=len(rows) > 1
        )

    async def _past_samples(self, namespace: str, cut: Cut) -> list[Archived]:
        async with self._pool.scoped(namespace) as connection:
            rows = await connection.fetch(_SQL["past_samples"], namespace, cut.position, RESERVOIR)
        return [_sample_of(row) for row in rows]


def _archived_of(row: Mapping[str, Any], dim: int | None) -> Archived:
    if row["type"] is None:
        return _sample_of(row)
    event = event_of(row)
    return Archived(
        position=event.position,
        coordinate=event.coordinate,
        version=event.version,
        type=event.type,
        at=event.at,
        memory=event.memory,
        vector=vector_of({**row, "id": row["memory_id"]}, dim),
        latest=row["latest"],
    )


def _sample_of(row: Mapping[str, Any]) -> Archived:
    return Archived(
        position=row["seq"],
        coordinate=Coordinate(row["coord"]),
        version=row["version"],
        type=None,
        importance=row["importance"],
    )


def _standing_of(row: Mapping[str, Any]) -> Occupant:
    return Occupant(
        version=row["version"],
        updated_at=row["updated_at"],
        memory=None if row["deleted"] else memory_of(row),
    )
