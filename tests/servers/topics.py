"""A topic of events as somebody else sees it: plain aiokafka, and none of our code."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import anyio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord

READ_S = 30.0


def event(**said: Any) -> dict[str, Any]:
    """The required fields, and what else is said."""
    return {
        "event_id": str(uuid4()),
        "id": str(uuid4()),
        "namespace": "acme",
        "type": "created",
        "timestamp": datetime.now(UTC).isoformat(),
        "payload": {},
    } | said


@dataclass(frozen=True)
class Topic:
    bootstrap: str
    name: str

    @property
    def dead_letters(self) -> str:
        return f"{self.name}.dlq"

    async def publish(
        self,
        events: Sequence[Mapping[str, Any] | bytes],
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        """Each a document, or bytes as they are; keyed by `id`, where there is one."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self.bootstrap, acks="all", max_request_size=4 * 1024 * 1024
        )
        await producer.start()
        try:
            for one in events:
                key = b"poison" if isinstance(one, bytes) else str(one.get("id")).encode()
                value = one if isinstance(one, bytes) else json.dumps(one).encode()
                await producer.send_and_wait(self.name, value, key=key, headers=list(headers))
        finally:
            await producer.stop()

    async def read(
        self, topic: str, enough: Callable[[Sequence[ConsumerRecord]], bool]
    ) -> list[ConsumerRecord]:
        """All that is in a topic from its beginning, once it is enough."""
        consumer = AIOKafkaConsumer(
            topic, bootstrap_servers=self.bootstrap, auto_offset_reset="earliest", group_id=None
        )
        await consumer.start()
        found: list[ConsumerRecord] = []
        try:
            with anyio.fail_after(READ_S):
                while not enough(found):
                    polled = await consumer.getmany(timeout_ms=200)
                    found += [record for records in polled.values() for record in records]
        finally:
            await consumer.stop()
        return found
