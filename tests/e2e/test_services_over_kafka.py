"""The services as processes, over a real Kafka and a real PostgreSQL; events by plain aiokafka.

The tests go in the order of this file: the last ones stop the services, one after the other.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid4

import anyio
import asyncpg
import httpx
import pytest
from aiokafka import ConsumerRecord

from sfm_kv_writer.arrivals import place_of
from tests.servers.cut import Cut, way_to
from tests.servers.kafka import create_topic
from tests.servers.kafka_nodes import KafkaNode
from tests.servers.topics import Topic, event
from tests.servers.workers import ServiceProcess, service, until
from tests.unit.sfm_api.api_client import AUTHORIZED, TOKEN

pytestmark = [pytest.mark.e2e, pytest.mark.integration]

TOPIC: Final = "memory.events"
COLLECTION: Final = f"events-{uuid4().hex[:8]}"
ACCEPTED: Final = "sfm_inbox_events_total"
DEAD: Final = "sfm_consumer_dead_lettered_total"


@dataclass(frozen=True)
class System:
    topic: Topic
    dsn: str
    writer: ServiceProcess
    indexer: ServiceProcess
    api: ServiceProcess
    qdrant: str
    """URL of the vector store."""
    way: Cut
    """From the services to PostgreSQL."""
    kafka: KafkaNode
    env: dict[str, str]
    """Of the services."""

    def accepted(self, what: str) -> float:
        return self.writer.metric(ACCEPTED, acceptance=what)

    def points(self, namespace: str) -> list[dict[str, Any]]:
        """What the vector store holds."""
        condition = {"key": "namespace", "match": {"value": namespace}}
        answer = httpx.post(
            f"{self.qdrant}/collections/{COLLECTION}/points/scroll",
            json={"filter": {"must": [condition]}},
        )
        found: list[dict[str, Any]] = answer.json()["result"]["points"]
        return found

    async def memories(self, namespace: str) -> dict[str, Any]:
        """Live memories by coordinate."""
        connection = await asyncpg.connect(self.dsn)
        try:
            await connection.execute("SELECT set_config('sfm.namespace', $1, false)", namespace)
            rows = await connection.fetch(
                "SELECT coord, version, text FROM memories "
                "WHERE namespace = $1 AND deleted_at IS NULL",
                namespace,
            )
        finally:
            await connection.close()
        return {row["coord"]: (row["version"], row["text"]) for row in rows}


@pytest.fixture(scope="module")
def system(own_kafka: KafkaNode, qdrant_url: str, module_database: str) -> Iterator[System]:
    with ExitStack() as stack:
        way = stack.enter_context(way_to(module_database))
        env = {
            "POSTGRES_URL": way.dsn,
            "KAFKA_BOOTSTRAP_SERVERS": own_kafka.bootstrap,
            "QDRANT_URL": qdrant_url,
            "QDRANT_COLLECTION": COLLECTION,
            "SFM_SHUTDOWN_GRACE_SECONDS": "4",
            "SFM_LINK_WAIT_SECONDS": "0",
        }
        make_topics(own_kafka.bootstrap)
        writer = stack.enter_context(service("sfm_kv_writer", **env))
        indexer = stack.enter_context(service("sfm_vector_indexer", **env))
        api = stack.enter_context(service("sfm_api", SOMA_API_TOKEN=TOKEN, **env))
        for one in (writer, indexer, api):
            until(one.is_ready)
        yield System(
            topic=Topic(own_kafka.bootstrap, TOPIC),
            dsn=module_database,
            writer=writer,
            indexer=indexer,
            api=api,
            qdrant=qdrant_url,
            way=way,
            kafka=own_kafka,
            env=env,
        )


def make_topics(bootstrap: str) -> None:
    """One partition, so that what is put aside comes in the order in which it was published."""
    stamped = {"message_timestamp_type": "LogAppendTime"}
    configs = stamped | {"max_message_bytes": str(4 * 1024 * 1024)}
    anyio.run(create_topic, bootstrap, TOPIC, 1, 1, configs)


async def test_events_of_others_become_memories_once(system: System) -> None:
    bare, named = event(namespace="once"), event(namespace="once")
    named |= {"coordinate": [1, 2.5], "text": "tea at four", "payload": {"a": 1}}
    await system.topic.publish([bare, named, bare, named])
    until(lambda: system.accepted("applied") >= 2 and system.accepted("known") >= 2)
    derived = place_of(UUID(bare["id"])).text
    assert await system.memories("once") == {derived: (1, ""), "1,2.5": (1, "tea at four")}
    ended = event(namespace="once", type="deleted", id=bare["id"])
    await system.topic.publish([ended, bare])
    until(lambda: system.accepted("known") >= 3)
    assert set(await system.memories("once")) == {"1,2.5"}


def _poison() -> list[tuple[bytes | dict[str, Any], str]]:
    """Records that can never be handled, and what is to be said of each."""
    deep: Any = 1
    for _ in range(40):
        deep = [deep]
    unknown = event(type="renamed")
    missing = {k: v for k, v in event().items() if k != "timestamp"}
    link = {"from": [1], "to": [2]}
    return [
        (b"{'not': json", "JSON"),
        (b'{"event_id": "\xff\xfe"}', "UTF-8"),
        (missing, "/timestamp"),
        (unknown, "/type"),
        (event(colour="red"), "/colour"),
        (event(namespace="No Such!"), "/namespace"),
        (event(coordinate=[1, "x"]), "/coordinate/1"),
        (event(embedding=[0.5, 0.5]), "/embedding has 2 numbers"),
        (event(payload={"a": "b\x00"}), "U+0000"),
        (event(payload={"deep": deep}), "deep"),
        (event(payload={"large": "x" * 1_200_000}), "bytes"),
        (event(type="erased"), "/type a namespace is erased by its owner"),
        (event(type="linked", link=link, namespace="nobody"), "/link no memory lives at 1"),
        (event(timestamp="yesterday"), "/timestamp"),
    ]


async def test_an_event_of_others_is_stored_embedded_indexed_and_recalled(system: System) -> None:
    placed = event(namespace="tea", coordinate=[1, 2.5], text="Ada drinks green tea at four")
    bare = event(namespace="tea", payload={"said": "Bob keeps bees behind the house"})
    derived = place_of(UUID(bare["id"]))
    await system.topic.publish([placed, bare])
    with httpx.Client(base_url=system.api.url, headers=AUTHORIZED) as client:

        def best(query: str) -> list[float] | None:
            asked = {"query": query, "mode": "vector"}
            answer = client.post("/v1/tea/recall", json=asked).raise_for_status()
            hits = answer.json()["hits"]
            return hits[0]["coordinate"] if hits else None

        until(lambda: best("green tea at four") == [1, 2.5])
        until(lambda: best("bees behind the house") == derived.numbers())
        until(lambda: client.get("/v1/tea/stats").json()["pending_index"] == 0)
    points = system.points("tea")
    assert {point["payload"]["coordinate"] for point in points} == {"1,2.5", derived.text}


def of_writer(letters: Sequence[ConsumerRecord]) -> list[ConsumerRecord]:
    """Those of the kv-writer: each consumer puts aside what it cannot read."""
    return [one for one in letters if dict(one.headers)["sfm-consumer"] == b"kv-writer"]


async def test_poison_is_put_aside_with_its_reason_while_good_keys_go_on(system: System) -> None:
    poison = _poison()
    good = [event(namespace="good", coordinate=[n], text=f"good {n}") for n in range(len(poison))]
    mixed = [one for pair in zip((p for p, _ in poison), good, strict=True) for one in pair]
    await system.topic.publish(mixed)

    def all_there(records: Sequence[ConsumerRecord]) -> bool:
        return len(of_writer(records)) >= len(poison)

    letters = of_writer(await system.topic.read(system.topic.dead_letters, all_there))
    reasons = [dict(letter.headers)["sfm-reason"].decode() for letter in letters]
    for (_, expected), reason in zip(poison, reasons, strict=True):
        assert expected in reason, reasons
    for (record, _), letter in zip(poison, letters, strict=True):
        if isinstance(record, bytes):
            assert letter.value == record
    until(lambda: system.writer.metric("sfm_consumer_lag_records", consumer="kv-writer") == 0)
    assert len(await system.memories("good")) == len(good)
    assert system.writer.is_ready()


async def test_what_was_put_aside_is_applied_once_when_it_comes_again_after_the_fix(
    system: System,
) -> None:
    """A link whose ends are not there, and which may not wait: its bytes are good once they are."""
    namespace = f"fix-{uuid4().hex[:8]}"
    link = event(namespace=namespace, type="linked", link={"from": [1], "to": [2]})
    await system.topic.publish([link])

    def told(records: Sequence[ConsumerRecord]) -> bool:
        return any(namespace.encode() in record.value for record in records)

    letters = await system.topic.read(system.topic.dead_letters, told)
    [letter] = [one for one in letters if namespace.encode() in one.value]
    ends = [event(namespace=namespace, coordinate=[n]) for n in (1, 2)]
    applied = system.accepted("applied")
    await system.topic.publish(ends)
    until(lambda: system.accepted("applied") == applied + 2)
    await system.topic.publish([letter.value, letter.value])
    until(lambda: system.accepted("applied") == applied + 3)
    known = system.accepted("known")
    await system.topic.publish([letter.value])
    until(lambda: system.accepted("known") > known)
    assert system.accepted("applied") == applied + 3


async def test_what_comes_while_postgres_is_away_waits_and_is_not_put_aside(
    system: System,
) -> None:
    writer, applied = system.writer, system.accepted("applied")
    dead = writer.metric(DEAD, consumer="kv-writer")
    system.way.cut()
    await system.topic.publish([event(), event()])
    until(lambda: not writer.is_ready())
    system.way.mend()
    until(lambda: system.accepted("applied") == applied + 2)
    until(writer.is_ready)
    assert writer.metric(DEAD, consumer="kv-writer") == dead


async def test_a_worker_starts_and_stops_while_postgres_is_away(system: System) -> None:
    system.way.cut()
    await system.topic.publish([event()])
    until(lambda: not system.writer.is_ready())
    assert system.writer.stop() == 0
    with service("sfm_kv_writer", **system.env) as another:
        until(lambda: httpx.get(f"{another.url}/healthz").is_success)
        assert not another.is_ready()
        system.way.mend()
        until(another.is_ready)
        system.way.cut()
        until(lambda: not another.is_ready())
        assert another.stop() == 0
    system.way.mend()


def test_a_worker_stops_in_time_while_kafka_is_away(system: System) -> None:
    """The last one: Kafka stays away."""
    system.kafka.kill()
    assert system.indexer.stop() == 0
