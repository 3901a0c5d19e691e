"""The facade's calls about single memories."""

from collections.abc import AsyncIterator, Iterable, Mapping

import anyio.to_thread

from sfm_core import decode
from sfm_core.facade.inputs import (
    At,
    condition_of,
    coordinate_of,
    judged_on_thread,
    raw_memory,
    receipt_of,
)
from sfm_core.facade.opened import Opened
from sfm_core.model import (
    BatchStored,
    Json,
    ListQuery,
    Memory,
    Page,
    Precondition,
    Stored,
    Wait,
    Written,
)


class Memories(Opened):
    """Store, remember, delete, get, list."""

    async def store(
        self,
        coordinate: At,
        payload: Mapping[str, Json],
        *,
        precondition: Precondition | None = None,
        idempotency_key: str | None = None,
        wait: Wait | str = Wait.INDEXED,
        **fields: object,
    ) -> Stored:
        """Store at a coordinate, over what may be there; durable when this returns.

        Raises:
            InvalidInput: with the path of every fault; nothing was stored.
            PreconditionFailed: `precondition` does not hold.
            VectorIndexUnavailable: it is stored, its `outcome` says as what; the vector index,
                where there is one, does not have it yet. Not with `wait="durable"`.
            Unavailable: a store does not answer.
        """
        at = coordinate_of(coordinate)
        raw = raw_memory(payload, fields)
        return await self.runtime.remember.store(
            self.namespace,
            at,
            decode.memory_draft(raw),
            precondition=condition_of(precondition),
            receipt=receipt_of(idempotency_key, "store", at.text, raw),
            wait=decode.wait(wait),
        )

    async def remember(
        self,
        payload: Mapping[str, Json],
        *,
        coordinate: At | None = None,
        idempotency_key: str | None = None,
        wait: Wait | str = Wait.INDEXED,
        **fields: object,
    ) -> Stored:
        """Store where the memory belongs by itself; the same again is the same memory."""
        raw = raw_memory(payload, fields)
        return await self.runtime.remember.remember(
            self.namespace,
            decode.memory_draft(raw),
            coordinate=None if coordinate is None else coordinate_of(coordinate),
            receipt=receipt_of(idempotency_key, "remember", coordinate, raw),
            wait=decode.wait(wait),
        )

    async def store_many(
        self,
        items: Iterable[Mapping[str, Json]],
        *,
        idempotency_key: str | None = None,
        wait: Wait | str = Wait.INDEXED,
    ) -> BatchStored:
        """Store up to 1000 items (`payload`, optional `coordinate` and fields) together.

        One result per item; a bad item does not fail the others.
        """
        raw = await judged_on_thread({"items": list(items)})
        return await self.runtime.remember.store_many(
            self.namespace,
            decode.batch(raw),
            receipt=await anyio.to_thread.run_sync(
                receipt_of, idempotency_key, "store_many", None, raw
            ),
            wait=decode.wait(wait),
        )

    async def delete(
        self,
        coordinate: At,
        *,
        precondition: Precondition | None = None,
        idempotency_key: str | None = None,
        wait: Wait | str = Wait.INDEXED,
    ) -> Written:
        """Leave a tombstone; again is fine.

        Raises:
            NotFound: nothing was ever stored there.
        """
        at = coordinate_of(coordinate)
        return await self.runtime.remember.delete(
            self.namespace,
            at,
            precondition=condition_of(precondition),
            receipt=receipt_of(idempotency_key, "delete", at.text, None),
            wait=decode.wait(wait),
        )

    async def get(self, coordinate: At, *, version: int | None = None) -> Memory:
        """The memory there; with `version` as it stood then, also if it is gone since.

        Raises:
            NotFound: there is none, or it has expired; or there was no such version.
        """
        at = coordinate_of(coordinate)
        if version is None:
            return await self.runtime.remember.get(self.namespace, at)
        asked = decode.version_asked({"version": str(version)})
        return await self.runtime.lifecycle.version(self.namespace, at, asked or 0)

    async def list(self, **asked: str | int) -> Page:
        """One page, oldest first: `kind tag filter since until limit cursor`, as in REST."""
        query = decode.list_query({name: str(value) for name, value in asked.items()})
        return await self.runtime.remember.list(self.namespace, query)

    async def all(self, *, page_size: int = 500) -> AsyncIterator[Memory]:
        """Every live memory, oldest first."""
        query = decode.list_query({"limit": str(page_size)})
        while True:
            page = await self.runtime.remember.list(self.namespace, query)
            for memory in page.memories:
                yield memory
            if page.next_cursor is None:
                return
            query = ListQuery(limit=page_size, cursor=page.next_cursor)
