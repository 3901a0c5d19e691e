"""Kafka nodes as processes that one may stop, kill, freeze, empty and start again."""

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.servers.kafka_process import (
    STARTED,
    Node,
    Security,
    format_command,
    new_cluster_id,
    quiet_port,
    run_command,
    server_properties,
)

READY_WITHIN_S = 60.0
# A broker that was killed is taken back once its old session is over.
QUICK_RETURN = {"broker.session.timeout.ms": "1000", "broker.heartbeat.interval.ms": "250"}


@dataclass
class KafkaNode:
    """One node and its process, if any."""

    node: Node
    cluster_id: str
    _process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def bootstrap(self) -> str:
        return self.node.bootstrap

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    @property
    def log(self) -> Path:
        return self.node.folder / "log"

    def format(self) -> None:
        command = format_command(self.node, self.cluster_id)
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            raise RuntimeError(f"Kafka's data cannot be prepared: {done.stdout.decode()[-2000:]}")

    def spawn(self) -> None:
        """Start it and do not wait: the nodes of a quorum need one another to be ready."""
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                run_command(self.node), stdout=log, stderr=log, start_new_session=True
            )

    def wait_ready(self) -> None:
        """Until it serves.

        Raises:
            RuntimeError: it ended first, or was not ready in time; with the end of its log.
        """
        assert self._process is not None
        due = time.monotonic() + READY_WITHIN_S
        while STARTED.encode() not in self.log.read_bytes():
            if self._process.poll() is not None or time.monotonic() > due:
                raise RuntimeError(f"Kafka does not start: {self.log.read_text()[-4000:]}")
            _pause(0.02)

    def start(self) -> None:
        """Start it on its port with the data it has, and wait until it serves."""
        self.spawn()
        self.wait_ready()

    def stop(self, *, within_s: float = 30.0) -> None:
        """End it in order: leadership is handed over, everything is written."""
        self._end(signal.SIGTERM, within_s)

    def kill(self) -> None:
        """End it as a crash would."""
        self._end(signal.SIGKILL, 10.0)

    def restart(self) -> None:
        self.kill()
        self.start()

    def empty(self) -> None:
        """Forget everything; it must not be running."""
        assert self._process is None
        shutil.rmtree(self.node.data, ignore_errors=True)
        self.cluster_id = new_cluster_id()
        self.format()

    def freeze(self) -> None:
        """Keep it from running: it takes connections, and answers nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _end(self, number: signal.Signals, within_s: float) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(within_s)
            self._process = None

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)


@dataclass
class KafkaCluster:
    """Nodes of one quorum; node ids count from 1."""

    nodes: list[KafkaNode]

    @classmethod
    def of(cls, count: int, folder: Path, more: Mapping[str, str]) -> Self:
        made = [
            Node(id=1 + n, folder=folder / str(n), port=quiet_port(), controller_port=quiet_port())
            for n in range(count)
        ]
        cluster_id = new_cluster_id()
        for node in made:
            node.write(server_properties(node, made, more=more))
        return cls([KafkaNode(node, cluster_id) for node in made])

    @property
    def bootstrap(self) -> str:
        return ",".join(node.bootstrap for node in self.nodes)

    def node(self, node_id: int) -> KafkaNode:
        [found] = [one for one in self.nodes if one.node.id == node_id]
        return found

    def start(self) -> None:
        for node in self.nodes:
            node.spawn()
        for node in self.nodes:
            node.wait_ready()

    def kill(self) -> None:
        for node in self.nodes:
            node.kill()


@contextmanager
def kafka(
    security: Security | None = None, *, more: Mapping[str, str] | None = None
) -> Iterator[KafkaNode]:
    """A node of one's own, serving; gone at the end with its data.

    Raises:
        NoKafka: it is not to be had here.
    """
    with tempfile.TemporaryDirectory(prefix="sfm-test-") as folder:
        node = Node(
            id=1,
            folder=Path(folder),
            port=quiet_port(),
            controller_port=quiet_port(),
            security=security,
        )
        node.write(server_properties(node, [node], more={**QUICK_RETURN, **(more or {})}))
        server = KafkaNode(node, new_cluster_id())
        server.format()
        try:
            server.start()
            yield server
        finally:
            server.kill()


@contextmanager
def kafka_cluster(
    count: int = 3, *, more: Mapping[str, str] | None = None
) -> Iterator[KafkaCluster]:
    """So many nodes of one quorum, serving; gone at the end with their data.

    Raises:
        NoKafka: it is not to be had here.
    """
    with tempfile.TemporaryDirectory(prefix="sfm-test-") as folder:
        cluster = KafkaCluster.of(count, Path(folder), more or {})
        for node in cluster.nodes:
            node.format()
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.kill()


def _pause(seconds: float) -> None:
    time.sleep(seconds)  # noqa: TID251 - a process is waited for, and no loop runs here
