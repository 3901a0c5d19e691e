"""Clients that leave early, on real connections: nothing of them stays.

The long version, with a table, is `make soak`.
"""

from pathlib import Path

import anyio
import pytest

from benchmarks.soak import abandon, fill, recall, settled
from tests.servers.standalone import standalone

pytestmark = [pytest.mark.e2e, pytest.mark.alone]
NOISE_MB = 24.0
FILES = 60
"""What a process has open that serves nobody, and then some."""
CONNECTIONS = 10
"""To PostgreSQL at most: the pool may have opened some in between."""
THREADS = 64
"""The workers that the loop gives blocking work to are 40 at most."""


def test_abandoned_connections_leave_no_file_no_thread_and_no_memory(tmp_path: Path) -> None:
    with standalone(tmp_path / "data") as server:
        server.start()
        assert server.process is not None
        pid = server.process.pid
        anyio.run(fill, server.url, server.token, 200)
        anyio.run(recall, server.url, server.token, 200)
        anyio.run(abandon, server.url, server.token, 300)
        anyio.run(recall, server.url, server.token, 50)
        before = anyio.run(settled, pid, FILES)
        anyio.run(abandon, server.url, server.token, 900)
        anyio.run(recall, server.url, server.token, 50)
        after = anyio.run(settled, pid, before.files + CONNECTIONS)
    assert after.rss_mb - before.rss_mb < NOISE_MB
    assert after.files <= before.files + CONNECTIONS
    assert before.files <= FILES
    assert after.threads <= THREADS
