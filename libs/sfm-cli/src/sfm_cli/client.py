"""What every command talks to, whether a server is behind it or this process."""

from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final, Protocol

from sfm_core.coordinates import Coordinate

INDEXED: Final = "indexed"
WAITS: Final = (INDEXED, "durable")
"""What the answer to a write can wait for, as `sfm_core.model.Wait`, which loads much."""

type Document = dict[str, Any]
"""A JSON object of the REST contract."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What must be so for a write to happen."""

    version: int | None = None
    absent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkReply:
    document: Document
    """`{results, position}`."""
    replayed: bool
    """The answer to an earlier call with the same key."""


def waiting(wait: str) -> dict[str, str] | None:
    """The query of a write; the default is not said."""
    return None if wait == INDEXED else {"wait": wait}


class Client(Protocol):
    """One namespace's memory. Arguments and answers are the documents of the REST contract.

    Each method raises `Failure` when it does not succeed; nothing is retried here.
    """

    async def store(
        self,
        coordinate: Coordinate,
        memory: Document,
        *,
        condition: Condition | None = None,
        key: str | None = None,
        wait: str = INDEXED,
    ) -> Document: ...

    async def remember(
        self, memory: Document, *, key: str | None = None, wait: str = INDEXED
    ) -> Document: ...

    async def get(self, coordinate: Coordinate) -> Document: ...

    async def list(self, asked: Mapping[str, str]) -> Document:
        """One page: `{memories, next_cursor}`."""
        ...

    async def delete(
        self,
        coordinate: Coordinate,
        *,
        condition: Condition | None = None,
        key: str | None = None,
        wait: str = INDEXED,
    ) -> None: ...

    async def recall(self, asked: Document) -> Document: ...

    async def stats(self) -> Document: ...

    async def namespaces(self) -> Document:
        """`{namespaces}`: those that the token may see, whichever this client is of."""
        ...

    async def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Document | None = None,
        condition: Condition | None = None,
        key: str | None = None,
    ) -> Document:
        """One call of the REST contract under `/v1/{namespace}`; `{}` when it answers nothing."""
        ...

    async def store_bulk(self, memories: Sequence[bytes], *, key: str) -> BulkReply:
        """Store JSON texts, each one value, in one request; a result for each, in order.

        Also when the vector index does not have all of them yet: they are stored.
        """
        ...

    def stream(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        content: AsyncIterable[bytes] | None = None,
        media: str = "",
        accept: str = "",
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """A call whose body, or answer, is not to be held: its answer as it comes, in pieces.

        Raises `Failure` in between when the connection breaks.
        """
        ...
