"""How to reach Kafka: addresses, TLS and login, tried once before anything rests on them."""

import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Self

import anyio
from aiokafka.conn import create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    AuthenticationMethodNotSupported,
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from sfm_core.errors import Misconfigured
from sfm_events.kafka_settings import KafkaSettings

CHECK_S: Final = 5.0
"""Longest wait for one server to be tried."""

_LOG: Final = logging.getLogger(__name__)
_REFUSED_LOGIN: Final = (SaslAuthenticationFailed, AuthenticationFailedError)
_OTHER_LOGIN: Final = (
    UnsupportedSaslMechanismError,
    AuthenticationMethodNotSupported,
    IllegalSaslStateError,
)


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """What every client of one cluster is made with."""

    servers: tuple[str, ...]
    arguments: Mapping[str, Any]
    """Keyword arguments for aiokafka, without the addresses."""

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
            try:
                with anyio.fail_after(CHECK_S):
                    await self._enter(host.strip("[]"), int(port))
            except (OSError, KafkaError) as error:
                _LOG.warning(
                    "kafka.unreachable", extra={"server": server, "why": type(error).__name__}
                )
            else:
                return True
        return False

    async def _enter(self, host: str, port: int) -> None:
        """Connect, log in and ask for something; errors that no waiting mends are told apart."""
        where = f"Kafka at {host}:{port}"
        try:
            connection = await create_conn(host, port, **self.arguments)
            try:
                await connection.send(MetadataRequest([]))
            finally:
                connection.close()
        except _REFUSED_LOGIN as error:
            raise Misconfigured(
                f"{where} refuses KAFKA_SASL_USERNAME or KAFKA_SASL_PASSWORD"
            ) from error
        except _OTHER_LOGIN as error:
            raise Misconfigured(
                f"{where} takes no login by KAFKA_SASL_MECHANISM and KAFKA_SECURITY_PROTOCOL"
            ) from error
        except ssl.SSLCertVerificationError as error:
            raise Misconfigured(
                f"{where} shows a certificate that KAFKA_SSL_CA_LOCATION does not vouch for"
                f" ({error.verify_message})"
            ) from error
        except ssl.SSLError as error:
            raise Misconfigured(
                f"{where} does not speak TLS as KAFKA_SECURITY_PROTOCOL asks"
            ) from error
        except KafkaConnectionError as error:
            if await self._hangs_up_on_purpose(host, port):
                raise Misconfigured(
                    f"{where} speaks TLS, and KAFKA_SECURITY_PROTOCOL does not"
                ) from error
            raise

    async def _hangs_up_on_purpose(self, host: str, port: int) -> bool:
        """A TLS listener closes on plain text, as a server does that is going down: ask which."""
        if "ssl_context" in self.arguments:
            return False
        anyone = ssl.create_default_context()
        anyone.check_hostname = False
        anyone.verify_mode = ssl.CERT_NONE  # it is only asked whether TLS is spoken
        try:
            stream = await anyio.connect_tcp(
                host, port, ssl_context=anyone, tls=True, tls_standard_compatible=False
            )
        except (OSError, anyio.BrokenResourceError, anyio.EndOfStream):
            return False
        await anyio.aclose_forcefully(stream)
        return True


def _context(settings: KafkaSettings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=settings.kafka_ssl_ca_location)
    except OSError as error:  # ssl.SSLError is one
        raise Misconfigured("KAFKA_SSL_CA_LOCATION is no readable file of certificates") from error
