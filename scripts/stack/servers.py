"""The four servers of a stack: their data prepared, their addresses known, how they are run."""

import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import anyio

from scripts.stack import kafka, postgres
from scripts.stack.folder import Endpoints, StackFolder
from scripts.stack.ports import HOST, Wanted
from scripts.stack.programs import SERVERS, Program, base_environment, installed_services
from scripts.stack.settings import StackSettings
from sfm_core.errors import Misconfigured
from tests.servers.kafka_process import Node, NoKafka
from tests.servers.valkey_binary import valkey_binary


def wanted_ports(settings: StackSettings) -> list[Wanted]:
    """What to ask of `ports.chosen`, services included."""
    return [
        Wanted("api", 9595, settings.api_port),
        Wanted("kv-writer", 8001, settings.kv_writer_port),
        Wanted("vector-indexer", 8002, settings.vector_indexer_port),
        Wanted("reconciler", 8003, settings.reconciler_port),
        Wanted("postgres", 5432, settings.postgres_port),
        Wanted("redis", 6379, settings.redis_port),
        Wanted("kafka", 9092, settings.kafka_port),
        Wanted("kafka-controller", 9093, None if settings.kafka_port is None else 0),
        Wanted("qdrant", 6333, settings.qdrant_port),
    ]


async def prepared(
    settings: StackSettings, folder: StackFolder, env: Mapping[str, str], taken: Mapping[str, int]
) -> tuple[Endpoints, list[Program]]:
    """Where everything will answer, and the programs of the servers; none runs yet.

    Raises:
        Misconfigured: one is not to be had on this machine, or its data is another release's.
        Unavailable: its data cannot be made.
    """
    node, password = await _data(folder, taken)
    endpoints = Endpoints(
        api=_url(taken["api"]),
        kafka=node.bootstrap,
        postgres=postgres.dsn(taken["postgres"], password),
        redis=f"redis://{HOST}:{taken['redis']}/0",
        qdrant=_url(taken["qdrant"]),
        services={name: _url(taken[name]) for name in installed_services()},
    )
    return endpoints, _programs(settings, folder, env, taken, node)


async def _data(folder: StackFolder, taken: Mapping[str, int]) -> tuple[Node, str]:
    nodes: list[Node] = []
    passwords: list[str] = []

    def kafka_prepared() -> Node:
        return kafka.prepared(
            folder.path / "kafka",
            port=taken["kafka"],
            controller_port=taken["kafka-controller"],
        )

    async def broker() -> None:
        nodes.append(await anyio.to_thread.run_sync(kafka_prepared))

    async def database() -> None:
        passwords.append(await postgres.provide(folder.path))

    try:
        async with anyio.create_task_group() as preparing:
            preparing.start_soon(broker)
            preparing.start_soon(database)
    except* NoKafka as missing:
        raise Misconfigured(str(missing.exceptions[0])) from missing
    return nodes[0], passwords[0]


def _programs(
    settings: StackSettings,
    folder: StackFolder,
    env: Mapping[str, str],
    taken: Mapping[str, int],
    node: Node,
) -> list[Program]:
    """All keep what they hold below the folder."""
    shared = base_environment(env, folder)
    return [
        Program(
            name="postgres",
            group=SERVERS,
            command=_module("scripts.stack.postgres", folder.path, taken["postgres"]),
            env=shared,
            stop_signal=signal.SIGINT,
            stop_within_s=25,
        ),
        Program(
            name="valkey",
            group=SERVERS,
            command=_valkey(folder.path / "valkey", taken["redis"]),
            env=shared,
        ),
        Program(
            name="kafka",
            group=SERVERS,
            command=kafka.command(node, heap_mb=settings.kafka_heap_mb),
            env=shared,
        ),
        Program(
            name="qdrant",
            group=SERVERS,
            command=_module(
                *("tests.servers.qdrant_engine", "--port", taken["qdrant"]),
                *("--data", folder.path / "qdrant"),
            ),
            env=shared,
        ),
    ]


def _module(name: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", name, *(str(each) for each in arguments)]


def _valkey(folder: Path, port: int) -> list[str]:
    """A cache: nothing of it is kept over a restart."""
    try:
        binary = valkey_binary()
    except FileNotFoundError as error:
        raise Misconfigured(f"no Valkey: {error}") from error
    place = ["--bind", HOST, "--port", str(port), "--dir", str(folder)]
    return [str(binary), *place, "--save", ""]


def _url(port: int) -> str:
    return f"http://{HOST}:{port}"
