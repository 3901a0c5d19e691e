"""One stack for the whole of the chaos run."""

from collections.abc import Iterator

import pytest

from tests.servers.kafka import need_kafka
from tests.servers.stack import Stack, a_stack


@pytest.fixture(scope="session")
def chaos_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Up and at rest; tests leave it so, with namespaces of their own in it."""
    need_kafka()
    quick = {"KAFKA_SESSION_TIMEOUT_SECONDS": "3", "SFM_STACK_KAFKA_PARTITIONS": "6"}
    with a_stack(tmp_path_factory.mktemp("chaos"), **quick) as stack:
        yield stack
        logs = stack.folder.logs
        print(f"logs of the stack: {logs}")
