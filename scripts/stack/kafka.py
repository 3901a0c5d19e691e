"""The Kafka of a stack: one node, with the topics of the events."""

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Final

from scripts.stack.programs import TOPIC
from sfm_core.errors import Misconfigured, Unavailable
from sfm_events.kafka_settings import KafkaSettings
from sfm_events.transports.kafka_connection import KafkaConnection
from sfm_events.transports.kafka_topics import Topics, topics_of
from tests.servers.kafka_process import (
    Node,
    format_command,
    new_cluster_id,
    run_command,
    server_properties,
)

_SMALL: Final = {"log.cleaner.dedupe.buffer.size": str(4 * 2**20)}
"""Of 128 MB, which are taken from the heap at the start: only Kafka's own topics are compacted."""


def prepared(folder: Path, *, port: int, controller_port: int) -> Node:
    """A node over the data in `folder`, which is made if there is none. Blocking, for seconds.

    Raises:
        NoKafka: Kafka or Java is not to be had on this machine.
        Misconfigured: a folder whose name Kafka cannot take.
        Unavailable: the data folder cannot be made.
    """
    if set(str(folder)) & set(",\\"):
        raise Misconfigured(f"SFM_STACK_DIR: Kafka takes no comma and no backslash: {folder}")
    node = Node(id=1, folder=folder, port=port, controller_port=controller_port)
    node.write(server_properties(node, [node], more=_SMALL))
    if not (node.data / "meta.properties").exists():
        done = subprocess.run(
            format_command(node, new_cluster_id()), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise Unavailable(
                f"Kafka's data cannot be made: {(done.stderr or done.stdout)[-1000:]}"
            )
    return node


def command(node: Node, *, heap_mb: int) -> list[str]:
    return run_command(node, heap_mb=heap_mb)


async def provide_topics(bootstrap: str, *, partitions: int) -> None:
    """The topic of the events and that of dead letters, where they are not there yet.

    Raises:
        Unavailable: the broker does not answer or refuses.
    """
    settings = KafkaSettings(kafka_bootstrap_servers=(bootstrap,), kafka_memory_events_topic=TOPIC)
    events, letters = topics_of(settings)
    wanted = Topics(replace(events, partitions=partitions), letters)
    await wanted.ensure(await KafkaConnection.of(settings))
