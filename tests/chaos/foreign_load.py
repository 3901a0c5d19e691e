"""Producers of somebody else's, which publish events and know exactly what must come of them."""

import json
import random
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import anyio
import httpx
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from tests.chaos.mixed_load import Known, Progress, check_history, listed

TOPIC = "memory.events"
PLACES = 4
REPEATED = 0.2
"""Share of events that are published once more, right away or much later."""
AGAIN_S = 0.2
PAUSE_S = 0.1


class ForeignActor:
    """Publishes about memories of its own, one event at a time, each until the broker has it.

    A send whose answer was lost is made again, so an event may be in the log several times;
    others are repeated on purpose. It knows the payload of each version that has to be there.
    """

    def __init__(
        self,
        producer: AIOKafkaProducer,
        progress: Progress,
        number: int,
        seed: int,
        *,
        namespace: str,
    ) -> None:
        self.namespace = namespace
        self._producer = producer
        self._progress = progress
        self._rng = random.Random(f"{seed} foreign {number}")
        self._ids = [UUID(int=self._rng.getrandbits(128), version=4) for _ in range(PLACES)]
        self._sent: list[tuple[bytes, bytes]] = []
        self._done = 0
        self.known = {place_of(memory): Known() for memory in self._ids}
        self.event_ids: set[str] = set()

    async def run(self, stopping: anyio.Event) -> None:
        while not stopping.is_set():
            memory = self._rng.choice(self._ids)
            known = self.known[place_of(memory)]
            ends = known.payload is not None and self._rng.random() < 0.2
            payload = None if ends else self._payload(memory)
            await self._publish(str(memory).encode(), self._event(memory, payload))
            known.versions.append(payload)
            self._progress.acknowledge()
            if self._rng.random() < REPEATED:
                await self._send(*self._rng.choice(self._sent[-20:]))
            await anyio.sleep(PAUSE_S)

    def _payload(self, memory: UUID) -> dict[str, Any]:
        self._done += 1
        return {"word": f"f{memory.hex[:8]}", "step": self._done}

    def _event(self, memory: UUID, payload: dict[str, Any] | None) -> bytes:
        event_id = str(UUID(int=self._rng.getrandbits(128), version=4))
        self.event_ids.add(event_id)
        event = {
            "event_id": event_id,
            "id": str(memory),
            "namespace": self.namespace,
            "type": "deleted" if payload is None else "updated",
            "timestamp": datetime.now(UTC).isoformat(),
            "payload": payload or {},
        }
        return json.dumps(event).encode()

    async def _publish(self, key: bytes, value: bytes) -> None:
        self._sent.append((key, value))
        await self._send(key, value)

    async def _send(self, key: bytes, value: bytes) -> None:
        while True:
            try:
                await self._producer.send_and_wait(TOPIC, value, key=key)
            except KafkaError:
                self._progress.retries += 1
                await anyio.sleep(AGAIN_S)
            else:
                return


def place_of(memory: UUID) -> str:
    """Where a memory is that has an id and no coordinate: its four words of 32 bits."""
    return ",".join(str(memory.int >> shift & 0xFFFFFFFF) for shift in (96, 64, 32, 0))


async def check_foreign(client: httpx.AsyncClient, actors: list[ForeignActor]) -> int:
    """Every event took effect, once and in order; how many there were.

    The actors are all there were in their one namespace.
    """
    [namespace] = {actor.namespace for actor in actors}
    live: dict[str, dict[str, Any]] = {}
    for actor in actors:
        for at, known in actor.known.items():
            await check_history(client, namespace, at, known)
            if known.payload is not None:
                live[at] = known.payload
    assert await listed(client, namespace) == live
    return sum(len(actor.event_ids) for actor in actors)
