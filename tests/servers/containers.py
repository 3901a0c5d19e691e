"""The same tests over the official images: `make test-containers` (A=arguments for pytest).

Starts PostgreSQL, Redis, Kafka and Qdrant with testcontainers and names them in `SFM_TEST_*_URL`.
Without a Docker daemon nothing is tested, which is said; with `CI=true` that is a failure.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

import anyio
import asyncpg
import httpx
import redis

READY_S = 120.0
HOST = "127.0.0.1"
NO_TESTS_HERE = 0


@dataclass(frozen=True, slots=True)
class Image:
    name: str
    port: int
    url: str
    """With the port of the host for `{port}`."""
    answers: Callable[[str], bool]
    """Whether a server at this URL is ready; may raise while it is not."""
    env: Mapping[str, str] = field(default_factory=dict)
    is_fixed: bool = False
    """The port is the same on both sides: the server tells clients of it."""


def _postgres(url: str) -> bool:
    async def ask() -> None:
        connection = await asyncpg.connect(url, timeout=5)
        await connection.close()

    anyio.run(ask)
    return True


def _redis(url: str) -> bool:
    return bool(redis.Redis.from_url(url).ping())


def _qdrant(url: str) -> bool:
    return httpx.get(f"{url}/readyz", timeout=5).is_success


def _kafka(url: str) -> bool:
    from aiokafka.admin import AIOKafkaAdminClient

    async def ask() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=url, request_timeout_ms=5000)
        try:
            await admin.start()
            await admin.describe_cluster()
        finally:
            await admin.close()

    anyio.run(ask)
    return True


_KRAFT = {
    "KAFKA_NODE_ID": "1",
    "KAFKA_PROCESS_ROLES": "broker,controller",
    "KAFKA_LISTENERS": "PLAINTEXT://0.0.0.0:39092,CONTROLLER://localhost:39093",
    "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{HOST}:39092",
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
    "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:39093",
    "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
    "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
    "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
    "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
}
IMAGES: Mapping[str, Image] = {
    "SFM_TEST_POSTGRES_URL": Image(
        "postgres:18",
        5432,
        f"postgresql://postgres:throw-away@{HOST}:{{port}}/postgres",
        _postgres,
        {"POSTGRES_PASSWORD": "throw-away"},
    ),
    "SFM_TEST_REDIS_URL": Image("valkey/valkey:9", 6379, f"redis://{HOST}:{{port}}/0", _redis),
    "SFM_TEST_KAFKA_URL": Image(
        "apache/kafka:4.1.2", 39092, f"{HOST}:{{port}}", _kafka, _KRAFT, is_fixed=True
    ),
    "SFM_TEST_QDRANT_URL": Image("qdrant/qdrant:v1.17.0", 6333, f"http://{HOST}:{{port}}", _qdrant),
}


def main(arguments: list[str]) -> int:
    """Run pytest over the containers; its exit code."""
    if reason := _no_docker():
        print(f"test-containers: nothing was tested: {reason}", file=sys.stderr)
        return 1 if os.environ.get("CI") == "true" else NO_TESTS_HERE
    with ExitStack() as stack:
        urls = {name: _started(image, stack) for name, image in IMAGES.items()}
        for name, url in urls.items():
            _wait(url, IMAGES[name])
        command = [sys.executable, "-m", "pytest", *arguments]
        return subprocess.run(command, env={**os.environ, **urls}).returncode


def _no_docker() -> str | None:
    try:
        import docker
        import testcontainers
    except ModuleNotFoundError as error:
        return f"{error.name} is not installed"
    del testcontainers
    try:
        docker.from_env().ping()
    except docker.errors.DockerException as error:
        return f"no Docker daemon answers ({error})"
    return None


def _started(image: Image, stack: ExitStack) -> str:
    from testcontainers.core.container import DockerContainer

    container = DockerContainer(image.name)
    for name, value in image.env.items():
        container.with_env(name, value)
    if image.is_fixed:
        container.with_bind_ports(image.port, image.port)
    else:
        container.with_exposed_ports(image.port)
    stack.enter_context(container)
    return image.url.format(port=container.get_exposed_port(image.port))


def _wait(url: str, image: Image) -> None:
    due = time.monotonic() + READY_S
    while True:
        try:
            if image.answers(url):
                return
        except Exception as error:
            if time.monotonic() > due:
                raise TimeoutError(f"{image.name} is not ready") from error
        time.sleep(0.2)  # noqa: TID251 - no loop runs here


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
