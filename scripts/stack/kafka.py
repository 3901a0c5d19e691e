"""The Kafka of a stack: one node, with the topics of the events."""

import subprocess
from pathlib import Path
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from scripts.stack.programs import TOPIC
from sfm_core.errors import Misconfigured, Unavailable
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

    Records carry the broker's clock, so that no producer can date one behind an erasure.

    Raises:
        Unavailable: the broker does not answer or refuses.
    """
    configs = {"message.timestamp.type": "LogAppendTime"}
    topics = [
        NewTopic(TOPIC, partitions, 1, topic_configs=configs),
        NewTopic(f"{TOPIC}.dlq", 1, 1, topic_configs=configs),
    ]
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        answer = await admin.create_topics(topics)
    except KafkaError as error:
        raise Unavailable(f"Kafka: {error}") from error
    finally:
        await admin.close()
    for _, code, *_ in answer.topic_errors:
        refusal = for_code(code)
        if code and refusal is not TopicAlreadyExistsError:
            raise Unavailable(f"Kafka does not make the topics: {refusal.__name__}")
