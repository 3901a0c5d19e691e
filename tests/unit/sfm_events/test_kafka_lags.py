"""How far behind a consumer is, while a broker that could tell is away."""

from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from aiokafka import TopicPartition

from sfm_core.errors import Unavailable
from sfm_events.transports import kafka_lags
from sfm_events.transports.kafka_lags import ends_of, reached_by

NEAR, FAR, LOST = (TopicPartition("t", number) for number in range(3))


class Client:
    """As much of aiokafka's consumer as is asked; brokers that are away do not answer."""

    def __init__(self, leaders: dict[TopicPartition, int], away: set[int]) -> None:
        self._leaders = leaders
        self._away = away
        found = SimpleNamespace(leader_for_partition=lambda one: leaders.get(one, -1))
        self._client = SimpleNamespace(cluster=found)

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        if any(self._leaders.get(one, -1) in self._away | {-1} for one in partitions):
            await anyio.sleep_forever()
        return dict.fromkeys(partitions, 10)

    def assignment(self) -> set[TopicPartition]:
        return {NEAR, FAR, LOST}

    def last_stable_offset(self, _partition: TopicPartition) -> int:
        return 7

    async def position(self, _partition: TopicPartition) -> int:
        return 6


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_lags, "ASK_S", 0.05)


def client(leaders: dict[TopicPartition, int], *away: int) -> Any:
    return Client(leaders, set(away))


async def test_a_partition_that_nobody_leads_keeps_no_other_waiting() -> None:
    found = await ends_of(client({NEAR: 1, FAR: 2}), [NEAR, FAR, LOST])
    assert found == {NEAR: 10, FAR: 10, LOST: 7}


async def test_of_a_broker_that_is_silent_it_is_what_was_last_heard() -> None:
    found = await ends_of(client({NEAR: 1, FAR: 2}, 2), [NEAR, FAR])
    assert found == {NEAR: 10, FAR: 7}


@pytest.mark.parametrize("leaders", [{}, {NEAR: 1, FAR: 1}])
async def test_when_no_broker_answers_that_is_an_outage(leaders: dict[TopicPartition, int]) -> None:
    with pytest.raises(Unavailable):
        await ends_of(client(leaders, 1), [NEAR, FAR])


@pytest.mark.parametrize(("following", "reached"), [(5, 6), (9, 9), (None, 6)])
async def test_what_is_no_record_is_behind_it_all_the_same(
    following: int | None, reached: int
) -> None:
    assert await reached_by(client({NEAR: 1}), NEAR, following) == reached
