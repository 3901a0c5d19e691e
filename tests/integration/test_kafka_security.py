"""Kafka with TLS and a password: who has both gets in, who lacks one is told which."""

from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from sfm_core.errors import Misconfigured, Unavailable
from sfm_core.runtime.secret import Secret
from sfm_events.kafka_settings import KafkaSettings
from sfm_events.ports import Message
from sfm_events.transports.kafka import KafkaTransport
from sfm_events.transports.kafka_connection import KafkaConnection
from tests.servers.kafka import TestKafka
from tests.servers.kafka_process import HOST
from tests.servers.kafka_tls import PASSWORD, USER, SecureKafka

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL", "aiokafka")


def settings_for(server: SecureKafka) -> KafkaSettings:
    return KafkaSettings(
        kafka_bootstrap_servers=(server.bootstrap,),
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_username=USER,
        kafka_sasl_password=Secret(PASSWORD),
        kafka_ssl_ca_location=server.ca,
    )


async def refusal(settings: KafkaSettings) -> str:
    with anyio.fail_after(30), pytest.raises(Misconfigured) as refused:
        await KafkaTransport.connect(settings)
    assert PASSWORD not in refused.value.detail
    return refused.value.detail


async def test_the_right_password_and_ca_let_events_through(tls_kafka: SecureKafka) -> None:
    transport = await KafkaTransport.connect(settings_for(tls_kafka))
    assert await transport.is_reachable()
    async with transport.producer() as producer, transport.source("test") as source:
        await producer.send([Message(topic="memory.events", key=b"k", value=b"hello")])
        with anyio.fail_after(60):
            while not (given := await source.fetch(limit=1, wait_s=1.0)):
                pass
    [[record]] = given.values()
    assert record.value == b"hello"


async def test_a_wrong_password_is_refused_by_name(tls_kafka: SecureKafka) -> None:
    wrong = replace(settings_for(tls_kafka), kafka_sasl_password=Secret("not the password"))
    assert "refuses KAFKA_SASL_USERNAME or KAFKA_SASL_PASSWORD" in await refusal(wrong)


async def test_an_unknown_user_is_refused_by_name(tls_kafka: SecureKafka) -> None:
    wrong = replace(settings_for(tls_kafka), kafka_sasl_username="nobody")
    assert "refuses KAFKA_SASL_USERNAME or KAFKA_SASL_PASSWORD" in await refusal(wrong)


async def test_a_server_that_the_ca_does_not_vouch_for_is_refused(tls_kafka: SecureKafka) -> None:
    wrong = replace(settings_for(tls_kafka), kafka_ssl_ca_location=tls_kafka.other_ca)
    assert "KAFKA_SSL_CA_LOCATION does not vouch for" in await refusal(wrong)


async def test_without_a_ca_of_ones_own_the_systems_is_asked(tls_kafka: SecureKafka) -> None:
    wrong = replace(settings_for(tls_kafka), kafka_ssl_ca_location=None)
    assert "KAFKA_SSL_CA_LOCATION does not vouch for" in await refusal(wrong)


async def test_a_certificate_for_another_host_is_refused(tls_kafka: SecureKafka) -> None:
    elsewhere = tls_kafka.bootstrap.replace(HOST, "localhost")
    wrong = replace(settings_for(tls_kafka), kafka_bootstrap_servers=(elsewhere,))
    assert "localhost" in await refusal(wrong)


async def test_plain_text_against_tls_is_refused(tls_kafka: SecureKafka) -> None:
    plain = KafkaSettings(kafka_bootstrap_servers=(tls_kafka.bootstrap,))
    assert "speaks TLS, and KAFKA_SECURITY_PROTOCOL does not" in await refusal(plain)
    with_login = replace(settings_for(tls_kafka), kafka_security_protocol="SASL_PLAINTEXT")
    assert "speaks TLS, and KAFKA_SECURITY_PROTOCOL does not" in await refusal(with_login)


async def test_tls_without_the_login_that_is_asked_for_is_refused(tls_kafka: SecureKafka) -> None:
    anonymous = replace(
        settings_for(tls_kafka),
        kafka_security_protocol="SSL",
        kafka_sasl_username=None,
        kafka_sasl_password=None,
    )
    assert "asks for a login" in await refusal(anonymous)


async def test_a_mechanism_that_the_server_lacks_is_refused(tls_kafka: SecureKafka) -> None:
    other = replace(settings_for(tls_kafka), kafka_sasl_mechanism="SCRAM-SHA-256")
    assert "KAFKA_SASL_MECHANISM" in await refusal(other)


async def test_tls_against_plain_text_is_refused(
    kafka_server: TestKafka, tls_kafka: SecureKafka
) -> None:
    plain = replace(
        settings_for(tls_kafka), kafka_bootstrap_servers=(kafka_server.bootstrap.split(",")[0],)
    )
    assert "does not speak TLS" in await refusal(plain)


async def test_a_login_where_none_is_known_is_refused(kafka_server: TestKafka) -> None:
    login = KafkaSettings(
        kafka_bootstrap_servers=tuple(kafka_server.bootstrap.split(",")),
        kafka_security_protocol="SASL_PLAINTEXT",
        kafka_sasl_username=USER,
        kafka_sasl_password=Secret(PASSWORD),
    )
    assert "takes no login" in await refusal(login)


async def test_a_ca_file_that_is_none_is_refused(tls_kafka: SecureKafka, tmp_path: Path) -> None:
    for path in (tmp_path / "missing.pem", tmp_path / "empty.pem"):
        wrong = replace(settings_for(tls_kafka), kafka_ssl_ca_location=path)
        (tmp_path / "empty.pem").write_text("no certificate")
        assert "no readable file of certificates" in await refusal(wrong)


async def test_a_process_that_runs_already_is_told_what_to_mend(tls_kafka: SecureKafka) -> None:
    """The servers were away when it started; it waits as for any outage, and says for what."""
    wrong = replace(settings_for(tls_kafka), kafka_sasl_password=Secret("not the password"))
    transport = KafkaTransport(wrong, await KafkaConnection.of(wrong))
    async with transport.producer() as producer, transport.source("late") as source:
        with pytest.raises(Unavailable, match="refuses KAFKA_SASL_USERNAME"):
            await producer.send([Message(topic="memory.events", key=b"k", value=b"v")])
        with pytest.raises(Unavailable, match="refuses KAFKA_SASL_USERNAME"):
            await source.fetch(limit=1, wait_s=0.1)


async def test_a_server_that_is_away_is_no_fault_of_the_settings(tls_kafka: SecureKafka) -> None:
    away = replace(settings_for(tls_kafka), kafka_bootstrap_servers=(f"{HOST}:1",))
    transport = await KafkaTransport.connect(away)
    assert not await transport.is_reachable()
