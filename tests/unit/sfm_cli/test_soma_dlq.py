"""`soma dlq`."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from click.testing import CliRunner, Result

from sfm_cli.group import soma
from sfm_cli.session import Session
from sfm_core.errors import Unavailable
from sfm_events.dead_letters import dead_letter, dlq_of
from sfm_events.dlq import REPLAYER, DeadLetters
from sfm_events.kafka_settings import KafkaSettings
from sfm_events.transports.inmemory import InMemoryBroker, InMemoryProducer
from tests.unit.sfm_cli.soma_runner import run_soma
from tests.unit.sfm_events.events import AT

TOPIC = "memory.events"
ENV = {"KAFKA_BOOTSTRAP_SERVERS": "kafka:9092"}


class Kafka:
    def __init__(self, count: int = 0) -> None:
        self.broker = InMemoryBroker()
        self.broker.create(TOPIC)
        self.broker.create(dlq_of(TOPIC))
        for number in range(count):
            record = self.broker.append(TOPIC, b"key", b'{"no": %d}' % number)
            self.broker.publish([dead_letter(record, "/id is \x1b[31mwrong", consumer="kv", at=AT)])

    @asynccontextmanager
    async def letters(self, settings: KafkaSettings) -> AsyncGenerator[DeadLetters]:
        assert settings.kafka_bootstrap_servers == ("kafka:9092",)
        source = self.broker.join(REPLAYER, dlq_of(TOPIC))
        yield DeadLetters(source, InMemoryProducer(self.broker), topic=TOPIC)
        await source.leave()

    def run(self, *args: str, env: Mapping[str, str] = ENV) -> Result:
        return CliRunner().invoke(soma, list(args), obj=Session(env=env, letters=self.letters))


def test_letters_are_a_table_without_what_steers_a_terminal() -> None:
    done = Kafka(2).run("dlq", "list")
    assert done.exit_code == 0
    assert "memory.events 0/1" in done.stdout
    assert "2026-05-01 12:00:00" in done.stdout
    assert "\x1b" not in done.stdout


def test_json_has_the_reason_and_the_bytes() -> None:
    done = Kafka(1).run("dlq", "list", "--json")
    [one] = json.loads(done.stdout)["dead_letters"]
    assert one == {
        "number": 0,
        "reason": "/id is \x1b[31mwrong",
        "topic": TOPIC,
        "partition": "0",
        "offset": "0",
        "consumer": "kv",
        "at": "2026-05-01T12:00:00.000000Z",
        "key": "key",
        "bytes": 9,
        "value": '{"no": 0}',
    }


def test_a_replay_puts_each_back_once() -> None:
    kafka = Kafka(3)
    assert json.loads(kafka.run("dlq", "replay", "--limit", "1", "--json").stdout) == {
        "replayed": 1
    }
    assert kafka.run("dlq", "replay").stdout == "2 put back\n"
    assert kafka.run("dlq", "replay").stdout == "0 put back\n"
    values = [record.value for record in kafka.broker.records(TOPIC)]
    assert values == [b'{"no": %d}' % number for number in range(3)] * 2
    assert len(json.loads(kafka.run("dlq", "list", "--all", "--json").stdout)["dead_letters"]) == 3


def test_without_kafka_it_says_what_is_missing() -> None:
    done = run_soma("dlq", "list", env={})
    assert done.exit_code == 8
    assert "KAFKA_BOOTSTRAP_SERVERS is required" in done.stderr


def test_a_broker_that_is_away_is_exit_code_5() -> None:
    kafka = Kafka(1)
    kafka.broker.is_down = True

    @asynccontextmanager
    async def away(_: KafkaSettings) -> AsyncGenerator[DeadLetters]:
        raise Unavailable("Kafka does not answer")
        yield  # type: ignore[unreachable]  # it is a generator

    session = Session(env=ENV, letters=away)
    done = CliRunner().invoke(soma, ["dlq", "replay", "--json"], obj=session)
    assert done.exit_code == 5
    assert json.loads(done.stderr)["type"] == "urn:sfm:error:unavailable"
