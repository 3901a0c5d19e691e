"""The stores of a stack, read behind the services' backs, and what must hold of them at rest."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import anyio
import asyncpg
import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from sfm_standalone.socket_folder import socket_folder
from tests.servers.stack import Stack

TOPIC = "memory.events"
DEAD = "memory.events.dlq"
GROUPS = ("sfm.kv-writer", "sfm.vector-indexer")
COLLECTION = "memory_vectors"
LOOK_S = 0.1
HEALED_WITHIN_S = 30.0

_UNSENT = "SELECT count(*) FROM memory_events WHERE sent_at IS NULL"
_OWED = "SELECT count(*) FROM vector_wal"
_BARE = """
SELECT count(*) FROM memories AS m WHERE deleted_at IS NULL AND NOT EXISTS (
    SELECT FROM memory_vectors AS v
    WHERE v.namespace = m.namespace AND v.id = m.id AND v.version = m.version)
"""
_LIVE = "SELECT id, position FROM memories WHERE namespace = $1 AND deleted_at IS NULL"
_NAMESPACES = "SELECT DISTINCT namespace FROM memory_events"
_EVENT_IDS = "SELECT event_id FROM memory_events WHERE namespace = $1"


@dataclass
class Rest:
    """How far a stack is from being at rest; all zero: it is."""

    unsent: int
    owed: int
    bare: int
    """Live memories without a current vector."""
    lag: int
    apart: dict[str, str] = field(default_factory=dict)
    """Namespaces whose points are not their live memories, and how."""

    @property
    def reached(self) -> bool:
        return not (self.unsent or self.owed or self.bare or self.lag or self.apart)


@dataclass
class Truth:
    """Reads PostgreSQL as its superuser, Qdrant and Kafka without any code of ours."""

    stack: Stack
    lost_broker: bool = False
    """Kafka was emptied: its log no longer holds every event."""

    async def at_rest(self, *, within_s: float = HEALED_WITHIN_S) -> float:
        """Wait until nothing is left to do and all projections are equal; how long it took.

        Raises:
            AssertionError: not in time; what is left.
        """
        began = anyio.current_time()
        while True:
            try:
                rest: Rest | str = await self.rest()
            except (OSError, asyncpg.PostgresError, httpx.HTTPError, KafkaError) as error:
                rest = repr(error)
            took_s = anyio.current_time() - began
            if isinstance(rest, Rest) and rest.reached:
                return took_s
            assert took_s < within_s, f"not at rest after {took_s:.1f} s: {rest}"
            await anyio.sleep(LOOK_S)

    async def rest(self) -> Rest:
        connection = await self._postgres()
        try:
            unsent, owed, bare = [
                int(await connection.fetchval(query)) for query in (_UNSENT, _OWED, _BARE)
            ]
            names = [row["namespace"] for row in await connection.fetch(_NAMESPACES)]
            live = {
                name: {str(row["id"]): int(row["position"]) for row in rows}
                for name in names
                for rows in [await connection.fetch(_LIVE, name)]
            }
        finally:
            await connection.close()
        found = Rest(unsent=unsent, owed=owed, bare=bare, lag=await self.lag())
        if found.reached:
            for name, memories in live.items():
                for collection in await self.collections(name):
                    points = await self.points(name, collection)
                    if points != memories:
                        found.apart[f"{name} in {collection}"] = _difference(memories, points)
        return found

    async def collections(self, namespace: str) -> list[str]:
        """The shared one, and the namespace's own where there is one."""
        async with httpx.AsyncClient(base_url=self.stack.endpoints.qdrant, timeout=10) as client:
            told = (await client.get("/collections")).raise_for_status().json()
        there = {one["name"] for one in told["result"]["collections"]}
        return [COLLECTION, *(there & {f"{COLLECTION}.{namespace}"})]

    async def points(self, namespace: str, collection: str) -> dict[str, int]:
        """Positions of the live points of a namespace in a collection, by id."""
        found: dict[str, int] = {}
        body: dict[str, Any] = {
            "filter": {
                "must": [
                    {"key": "namespace", "match": {"value": namespace}},
                    {"key": "deleted", "match": {"value": False}},
                ]
            },
            "limit": 1000,
            "with_payload": True,
            "with_vector": False,
        }
        url = f"{self.stack.endpoints.qdrant}/collections/{collection}/points/scroll"
        async with httpx.AsyncClient(timeout=10) as client:
            while True:
                answer = await client.post(url, json=body)
                if answer.status_code == 404:
                    return found
                page = answer.raise_for_status().json()["result"]
                found |= {one["id"]: one["payload"]["position"] for one in page["points"]}
                if page["next_page_offset"] is None:
                    return found
                body["offset"] = page["next_page_offset"]

    async def lag(self) -> int:
        """Records of the event topic that some consumer group has not committed."""
        ends = await self._ends(TOPIC)
        behind = 0
        async with self._admin() as admin:
            for group in self.groups():
                done = await admin.list_consumer_group_offsets(group)
                for partition, end in ends.items():
                    known = done.get(partition)
                    behind += max(0, end - (0 if known is None else max(0, known.offset)))
        return behind

    async def members(self, group: str) -> int:
        """How many consumers are in a group."""
        async with self._admin() as admin:
            [answer] = await admin.describe_consumer_groups([group])
        [(_, _, _, _, _, members, *_)] = answer.groups
        return len(members)

    def groups(self) -> list[str]:
        services = self.stack.endpoints.services
        return [group for group in GROUPS if group.removeprefix("sfm.") in services]

    async def dead_letters(self) -> list[dict[str, str]]:
        """Reason and bytes of each."""
        return [
            {"reason": dict(record.headers).get("sfm-reason", b"").decode(), "value": value}
            for record, value in await self._records(DEAD)
        ]

    async def published(self) -> set[str]:
        """Ids of all events that Kafka holds."""
        return {json.loads(value)["event_id"] for _, value in await self._records(TOPIC)}

    async def logged(self, namespace: str) -> set[str]:
        """Ids of all events in the log of a namespace."""
        connection = await self._postgres()
        try:
            rows = await connection.fetch(_EVENT_IDS, namespace)
        finally:
            await connection.close()
        return {str(row["event_id"]) for row in rows}

    async def unsent(self, namespace: str | None = None) -> int:
        """Events that are not published yet; None: of every namespace."""
        connection = await self._postgres()
        try:
            if namespace is None:
                return int(await connection.fetchval(_UNSENT))
            return int(await connection.fetchval(f"{_UNSENT} AND namespace = $1", namespace))
        finally:
            await connection.close()

    async def _postgres(self) -> Any:
        folder = self.stack.folder.path / "postgres"
        host = quote(str(await anyio.to_thread.run_sync(socket_folder, folder)), safe="")
        port = urlsplit(self.stack.endpoints.postgres).port
        return await asyncpg.connect(f"postgresql://postgres@/sfm?host={host}&port={port}")

    async def _ends(self, topic: str) -> dict[TopicPartition, int]:
        async with self._reader() as reader:
            return dict(await reader.end_offsets(await self._partitions(topic)))

    async def _records(self, topic: str) -> list[tuple[Any, str]]:
        async with self._reader() as reader:
            partitions = await self._partitions(topic)
            ends = await reader.end_offsets(partitions)
            reader.assign(partitions)
            await reader.seek_to_beginning()
            found: list[tuple[Any, str]] = []
            while any([await reader.position(each) < ends[each] for each in partitions]):
                batches = await reader.getmany(timeout_ms=1000)
                found += [(one, one.value.decode()) for batch in batches.values() for one in batch]
            return found

    async def _partitions(self, topic: str) -> list[TopicPartition]:
        async with self._admin() as admin:
            [found] = await admin.describe_topics([topic])
        return [TopicPartition(topic, one["partition"]) for one in found["partitions"]]

    @asynccontextmanager
    async def _admin(self) -> AsyncGenerator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.stack.endpoints.kafka)
        try:
            await admin.start()
            yield admin
        finally:
            await admin.close()

    @asynccontextmanager
    async def _reader(self) -> AsyncGenerator[AIOKafkaConsumer]:
        reader = AIOKafkaConsumer(
            bootstrap_servers=self.stack.endpoints.kafka, enable_auto_commit=False
        )
        try:
            await reader.start()
            yield reader
        finally:
            await reader.stop()


def _difference(memories: dict[str, int], points: dict[str, int]) -> str:
    missing = memories.keys() - points.keys()
    too_many = points.keys() - memories.keys()
    other = {each for each in memories.keys() & points.keys() if memories[each] != points[each]}
    return f"{len(missing)} missing, {len(too_many)} too many, {len(other)} at other positions"
