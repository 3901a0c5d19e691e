"""A throw-away certificate authority, and a Kafka that only talks TLS to who knows a password."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from tests.servers.kafka_nodes import KafkaNode, kafka
from tests.servers.kafka_process import HOST, Security, quiet_port

USER = "sfm"
PASSWORD = "throw-away-password"


@dataclass(frozen=True)
class SecureKafka:
    """A node whose `SASL_SSL` listener is the one to use."""

    server: KafkaNode
    ca: Path
    """What a client has to trust."""
    other_ca: Path
    """A CA that did not sign this server's certificate."""

    @property
    def bootstrap(self) -> str:
        assert self.server.node.security is not None
        return f"{HOST}:{self.server.node.security.port}"


def certificate_for(host: str, folder: Path) -> tuple[Path, Path]:
    """The CA's certificate, and the server's key and chain in one file; all PEM."""
    ca = trustme.CA(key_type=trustme.KeyType.RSA)
    issued = ca.issue_cert(host, key_type=trustme.KeyType.RSA)
    trusted, own = folder / "ca.pem", folder / "server.pem"
    ca.cert_pem.write_to_path(trusted)
    chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
    own.write_bytes(_pkcs8(issued.private_key_pem.bytes()) + chain)
    return trusted, own


def _pkcs8(key_pem: bytes) -> bytes:
    """The form of a key that Kafka reads; `trustme` writes the older one."""
    key = load_pem_private_key(key_pem, None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@contextmanager
def secure_kafka(folder: Path) -> Iterator[SecureKafka]:
    """A node with TLS and SCRAM-SHA-512; gone at the end.

    Raises:
        NoKafka: it is not to be had here.
    """
    ca, own = certificate_for(HOST, folder)
    elsewhere = folder / "other"
    elsewhere.mkdir()
    other_ca, _ = certificate_for(HOST, elsewhere)
    security = Security(port=quiet_port(), certificate=own, users={USER: PASSWORD})
    with kafka(security) as server:
        yield SecureKafka(server, ca, other_ca)
