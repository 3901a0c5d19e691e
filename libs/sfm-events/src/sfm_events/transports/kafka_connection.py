"""How to reach Kafka: addresses, TLS and login, tried once before anything rests on them."""

import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Self

import anyio
from aiokafka.errors import KafkaError

from sfm_core.errors import Misconfigured, Unavailable
from sfm_events.kafka_settings import KafkaSettings
from sfm_events.transports.kafka_entry import enter

CHECK_S: Final = 3.0
"""Longest wait for one server to be tried."""


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """What every client of one cluster is made with."""

    servers: tuple[str, ...]
    arguments: Mapping[str, Any] = field(repr=False)
    """Keyword arguments for aiokafka, without the addresses; with the password."""

    @classmethod
    async def of(cls, settings: KafkaSettings) -> Self:
        """Reads the CA's file, on a thread.

        Raises:
            Misconfigured: that file cannot be read or holds no certificate.
        """
        arguments: dict[str, Any] = {"security_protocol": settings.kafka_security_protocol}
        if settings.uses_tls:
            arguments["ssl_context"] = await anyio.to_thread.run_sync(_context, settings)
        if settings.uses_sasl and settings.kafka_sasl_password is not None:
            arguments |= {
                "sasl_mechanism": settings.kafka_sasl_mechanism,
                "sasl_plain_username": settings.kafka_sasl_username,
                "sasl_plain_password": settings.kafka_sasl_password.value,
            }
        return cls(settings.kafka_bootstrap_servers, MappingProxyType(arguments))

    async def check(self) -> bool:
        """Whether some server lets us in; False while none can be reached.

        Raises:
            Misconfigured: a server was reached and is not what the settings say: it does not
                know the user or password, is not signed by the CA, or speaks another protocol.
        """
        for server in self.servers:
            host, _, port = server.rpartition(":")
            with suppress(OSError, KafkaError):
                with anyio.fail_after(CHECK_S):
                    await enter(host.strip("[]"), int(port), self.arguments)
                return True
        return False

    async def explained(self, error: Unavailable) -> Unavailable:
        """What came of a failed try to connect, with the setting at fault if there is one.

        A process that runs already waits for that to be mended, as for any outage.
        """
        try:
            with anyio.move_on_after(CHECK_S):
                await self.check()
        except Misconfigured as fault:
            return Unavailable(fault.detail)
        return error


def _context(settings: KafkaSettings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=settings.kafka_ssl_ca_location)
    except OSError as error:  # ssl.SSLError is one
        raise Misconfigured("KAFKA_SSL_CA_LOCATION is no readable file of certificates") from error
