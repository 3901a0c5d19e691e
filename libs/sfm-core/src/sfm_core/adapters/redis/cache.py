"""Memories in Redis: the newest version wins, tombstones stay a while."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final, final
from uuid import UUID

from sfm_core.adapters.redis.link import PREFIX, RedisLink
from sfm_core.adapters.redis.row_text import memory_from, row_text
from sfm_core.adapters.redis.scripts import load_script
from sfm_core.errors import Unavailable
from sfm_core.model import Memory
from sfm_core.offload import INLINE_CHARS, off_loop

TTL_MS: Final = 300_000
"""How long a row, a tombstone and a fence are held."""
MAX_BYTES: Final = 256 * 1024
"""A row whose text is longer is not held."""
_KEEP: Final = load_script("keep")
_DIGITS: Final = 16
_SCAN: Final = 1000


@final
class RedisCache:
    """Implements `Cache`. A value is its log position in 16 digits, then the row as JSON."""

    def __init__(self, link: RedisLink, *, ttl_ms: int = TTL_MS) -> None:
        self._link = link
        self._ttl_ms = ttl_ms
        self._log = ""

    @property
    def log(self) -> str:
        return self._log

    def turn_to(self, log: str) -> None:
        self._log = log

    async def fetch(self, namespace: str, ids: Collection[UUID]) -> Mapping[UUID, Memory]:
        if not ids:
            return {}
        try:
            values = await self._link.call(
                "MGET", *(self._key(namespace, memory) for memory in ids)
            )
        except Unavailable:
            return {}
        held = [value for value in values if value is not None]
        rows = await off_loop(
            lambda: _rows(held, namespace), when=sum(map(len, held)) > INLINE_CHARS
        )
        return {memory.id: memory for memory in rows}

    async def keep(self, namespace: str, memories: Collection[Memory]) -> None:
        texts = {memory.id: _head(memory.position) + row_text(memory) for memory in memories}
        held = {memory: text for memory, text in texts.items() if len(text) <= MAX_BYTES}
        await self._tell(namespace, held)

    async def forget(self, namespace: str, positions: Mapping[UUID, int]) -> None:
        await self._tell(namespace, {memory: _head(at) for memory, at in positions.items()})

    async def drop(self, namespace: str, *, position: int) -> int:
        await self._link.call("SET", self._fence(namespace), _head(position), "PX", self._ttl_ms)
        dropped, cursor = 0, 0
        while True:
            cursor, keys = await self._link.call(
                "SCAN", cursor, "MATCH", f"{_rows_of(namespace)}*", "COUNT", _SCAN
            )
            if keys:
                dropped += await self._link.call("UNLINK", *keys)
            if not cursor:
                return dropped

    async def _tell(self, namespace: str, values: Mapping[UUID, bytes]) -> None:
        if not values:
            return
        keys = [self._fence(namespace), *(self._key(namespace, memory) for memory in values)]
        try:
            await self._link.evaluate(_KEEP, keys, [self._ttl_ms, *values.values()])
        except Unavailable:
            return

    def _key(self, namespace: str, memory: UUID) -> str:
        return f"{_rows_of(namespace)}{self._log}:{memory}"

    def _fence(self, namespace: str) -> str:
        return f"{PREFIX}fence:{{{namespace}}}:{self._log}"


def _head(position: int) -> bytes:
    return b"%0*d" % (_DIGITS, position)


def _rows(values: Sequence[bytes], namespace: str) -> list[Memory]:
    """What can be read of them; a tombstone, or what another program wrote, is no row."""
    found: list[Memory] = []
    for value in values:
        try:
            memory = memory_from(value[_DIGITS:])
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
        if memory.namespace == namespace:
            found.append(memory)
    return found


def _rows_of(namespace: str) -> str:
    return f"{PREFIX}row:{{{namespace}}}:"
