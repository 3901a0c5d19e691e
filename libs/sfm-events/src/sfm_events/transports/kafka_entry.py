"""Whether one server of Kafka lets a client in; and if it never will, which setting is wrong.

aiokafka says "unable to bootstrap" for all of it, so the door is tried here, once, by hand.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from types import MappingProxyType
from typing import Any, Final

import anyio
from aiokafka.conn import AIOKafkaConnection
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

CLOSE_S: Final = 0.5

type _Arguments = Mapping[str, Any]

_PLAIN: Final[_Arguments] = MappingProxyType({"security_protocol": "PLAINTEXT"})
_REFUSED: Final = (SaslAuthenticationFailed, AuthenticationFailedError)
_UNKNOWN: Final = (
    UnsupportedSaslMechanismError,
    AuthenticationMethodNotSupported,
    IllegalSaslStateError,
)


async def enter(host: str, port: int, arguments: _Arguments) -> None:
    """Connect, log in and ask for something.

    Raises:
        Misconfigured: no waiting helps; the setting at fault is named.
        OSError, KafkaError: nobody answers.
    """
    where = f"Kafka at {host}:{port}"
    with _faults_named(where):
        try:
            async with _connected(host, port, arguments) as connection:
                await connection.send(MetadataRequest([]))
        except ssl.SSLError:
            raise
        except (OSError, KafkaConnectionError) as error:
            # A server that goes down hangs up, and so does one that was not spoken to its way.
            fault = await _why_hung_up(host, port, arguments)
            if fault is None:
                raise
            raise Misconfigured(f"{where} {fault}") from error


@asynccontextmanager
async def _connected(
    host: str, port: int, arguments: _Arguments
) -> AsyncGenerator[AIOKafkaConnection]:
    """A connection that is logged in; really gone when the block ends."""
    connection = AIOKafkaConnection(host, port, **arguments)
    try:
        await connection.connect()
        yield connection
    except OSError:  # it was never made
        raise
    except BaseException:
        await _closed(connection)
        raise
    else:
        await _closed(connection)


async def _closed(connection: AIOKafkaConnection) -> None:
    with anyio.move_on_after(CLOSE_S, shield=True):
        await asyncio.shield(connection.close())


@contextmanager
def _faults_named(where: str) -> Iterator[None]:
    try:
        yield
    except _REFUSED as error:
        raise Misconfigured(
            f"{where} refuses KAFKA_SASL_USERNAME or KAFKA_SASL_PASSWORD"
        ) from error
    except _UNKNOWN as error:
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


async def _why_hung_up(host: str, port: int, arguments: _Arguments) -> str | None:
    """What is wrong with our way of speaking; None when nobody is there to say."""
    uses_tls = "ssl_context" in arguments
    if not uses_tls and await _speaks_tls(host, port):
        return "speaks TLS, and KAFKA_SECURITY_PROTOCOL does not"
    if uses_tls and await _greets(host, port, _PLAIN):
        return "does not speak TLS as KAFKA_SECURITY_PROTOCOL asks"
    if "sasl_mechanism" not in arguments and await _greets(host, port, arguments):
        return "asks for a login, and KAFKA_SECURITY_PROTOCOL has none"
    return None


async def _greets(host: str, port: int, arguments: _Arguments) -> bool:
    """Whether the protocol's first question, which needs no login, is answered."""
    try:
        async with _connected(host, port, arguments):
            return True
    except (OSError, KafkaError):
        return False


async def _speaks_tls(host: str, port: int) -> bool:
    anyone = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anyone.check_hostname = False
    anyone.verify_mode = ssl.CERT_NONE  # nothing is entrusted to it
    try:
        stream = await anyio.connect_tcp(
            host, port, ssl_context=anyone, tls=True, tls_standard_compatible=False
        )
    except (OSError, anyio.BrokenResourceError, anyio.EndOfStream):
        return False
    await anyio.aclose_forcefully(stream)
    return True
