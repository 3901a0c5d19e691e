"""The public facade: one namespace's memory as an async object."""

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import datetime
from types import TracebackType
from typing import Self

import anyio.to_thread

from sfm_core import decode, jsontext
from sfm_core.assembled import Runtime
from sfm_core.coordinates import Coordinate, checked_namespace
from sfm_core.errors import InvalidInput, Unavailable
from sfm_core.model import (
    BatchStored,
    Json,
    ListQuery,
    Memory,
    Page,
    Precondition,
    RecallResult,
    Receipt,
    Stored,
    Written,
)

type At = Sequence[float] | str | Coordinate
"""A coordinate: numbers, `"1,2.5,-3"`, or one already made."""


class MemorySystem:
    """Store and recall in one namespace.

    ```python
    async with create_memory_system(MemoryMode.EVENTED_ENTERPRISE, "demo", config) as memory:
        await memory.store((1, 2.5), {"note": "The kettle is broken"}, tags=["kitchen"])
        found = await memory.recall("what needs repair?")
    ```

    What it is given is judged by the same rules as a REST body, with the same faults. Optional
    fields of a memory are keyword arguments: `kind text importance tags session source
    occurred_at expires_at pinned`; times may be aware `datetime`s or RFC 3339 strings. Every
    write takes an `idempotency_key`: the same call again gives the first answer again.
    """

    def __init__(self, namespace: str, opener: AbstractAsyncContextManager[Runtime]) -> None:
        self.namespace = checked_namespace(namespace)
        self._opener = opener
        self._stack = AsyncExitStack()
        self._open: Runtime | None = None

    async def __aenter__(self) -> Self:
        self._open = await self._stack.enter_async_context(self._opener)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open = None
        await self._stack.__aexit__(kind, error, trace)

    @property
    def runtime(self) -> Runtime:
        """The use-cases behind the facade.

        Raises:
            Unavailable: the facade is not open.
        """
        if self._open is None:
            raise Unavailable("the memory system is not open: use `async with`")
        return self._open

    # -- writes ----------------------------------------------------------------------------

    async def store(
        self,
        coordinate: At,
        payload: Mapping[str, Json],
        *,
        precondition: Precondition | None = None,
        idempotency_key: str | None = None,
        **fields: object,
    ) -> Stored:
        """Store at a coordinate, over what may be there; durable when this returns.

        Raises:
            InvalidInput: with the path of every fault; nothing was stored.
            PreconditionFailed: `precondition` does not hold.
            Unavailable: a store does not answer.
        """
        at = _coordinate(coordinate)
        raw = _raw(payload, fields)
        return await self.runtime.remember.store(
            self.namespace,
            at,
            decode.memory_draft(raw),
            precondition=precondition,
            receipt=_receipt(idempotency_key, "store", at.text, raw),
        )

    async def remember(
        self,
        payload: Mapping[str, Json],
        *,
        coordinate: At | None = None,
        idempotency_key: str | None = None,
        **fields: object,
    ) -> Stored:
        """Store where the memory belongs by itself; the same again is the same memory."""
        raw = _raw(payload, fields)
        return await self.runtime.remember.remember(
            self.namespace,
            decode.memory_draft(raw),
            coordinate=None if coordinate is None else _coordinate(coordinate),
            receipt=_receipt(idempotency_key, "remember", coordinate, raw),
        )

    async def store_many(
        self, items: Iterable[Mapping[str, Json]], *, idempotency_key: str | None = None
    ) -> BatchStored:
        """Store up to 1000 items (`payload`, optional `coordinate` and fields) together.

        One result per item; a bad item does not fail the others.
        """
        raw = await _judged_on_thread({"items": list(items)})
        return await self.runtime.remember.store_many(
            self.namespace,
            decode.batch(raw),
            receipt=_receipt(idempotency_key, "store_many", None, raw),
        )

    async def delete(
        self,
        coordinate: At,
        *,
        precondition: Precondition | None = None,
        idempotency_key: str | None = None,
    ) -> Written:
        """Leave a tombstone; again is fine.

        Raises:
            NotFound: nothing was ever stored there.
        """
        at = _coordinate(coordinate)
        return await self.runtime.remember.delete(
            self.namespace,
            at,
            precondition=precondition,
            receipt=_receipt(idempotency_key, "delete", at.text, None),
        )

    # -- reads -----------------------------------------------------------------------------

    async def get(self, coordinate: At) -> Memory:
        """The memory there.

        Raises:
            NotFound: there is none, or it has expired.
        """
        return await self.runtime.remember.get(self.namespace, _coordinate(coordinate))

    async def list(self, **asked: str | int) -> Page:
        """One page, oldest first: `kind tag filter since until limit cursor`, as in REST."""
        query = decode.list_query({name: str(value) for name, value in asked.items()})
        return await self.runtime.remember.list(self.namespace, query)

    async def all(self, *, page_size: int = 500) -> AsyncIterator[Memory]:
        """Every live memory, oldest first."""
        query = ListQuery(limit=page_size)
        while True:
            page = await self.runtime.remember.list(self.namespace, query)
            for memory in page.memories:
                yield memory
            if page.next_cursor is None:
                return
            query = ListQuery(limit=page_size, cursor=page.next_cursor)

    async def recall(self, query: str, **asked: object) -> RecallResult:
        """The memories that matter for `query`, best first; options as in REST's recall body."""
        engine = self.runtime.recall
        raw = _judged({"query": query, **asked})
        question = decode.recall_query(raw, weights=engine.weights)
        return await engine.recall(self.namespace, question)

    async def recall_many(
        self, queries: Sequence[Mapping[str, object]]
    ) -> tuple[RecallResult, ...]:
        """One result per query body; embedded together and ranked in one pass."""
        engine = self.runtime.recall
        raw = await _judged_on_thread({"queries": list(queries)})
        questions = decode.recall_batch(raw, weights=engine.weights)
        return await engine.recall_many(self.namespace, questions)

    async def stats(self) -> dict[str, Json]:
        """Counts, the state of the view, and the embedder in use."""
        return await self.runtime.stats(self.namespace)


def _coordinate(at: At) -> Coordinate:
    if isinstance(at, Coordinate):
        return at
    return Coordinate.parse(at) if isinstance(at, str) else decode.coordinate_list(list(at))


def _raw(payload: object, fields: Mapping[str, object]) -> object:
    return _judged({"payload": payload, **{k: v for k, v in fields.items() if v is not None}})


def _judged(raw: object, limits: jsontext.Limits = jsontext.ONE) -> object:
    """What a REST body of the same content decodes to, held to the same limits."""
    try:
        text = json.dumps(raw, default=_written)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"not JSON: {error}") from error
    return jsontext.loads(text.encode(), limits=limits)


async def _judged_on_thread(raw: object) -> object:
    return await anyio.to_thread.run_sync(_judged, raw, jsontext.BATCH)


def _written(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not a JSON value")


def _receipt(key: str | None, call: str, at: object, raw: object) -> Receipt | None:
    if key is None:
        return None
    where = at.text if isinstance(at, Coordinate) else at
    return Receipt(key=key, fingerprint=jsontext.canonical([call, where, raw]))
