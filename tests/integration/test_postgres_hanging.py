"""A PostgreSQL that hangs: nothing is refused, nothing is answered."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import anyio.to_thread
import httpx
import psutil
import pytest

from sfm_core.adapters.postgres.migrate import migrate
from sfm_core.coordinates import Coordinate
from sfm_core.errors import DeadlineExceeded, Unavailable
from sfm_core.factory import open_runtime
from sfm_core.filters import Op, Term
from sfm_core.model import MemoryDraft, RecallQuery
from sfm_core.runtime.core_settings import CoreSettings
from sfm_core.runtime.secret import Secret
from sfm_standalone.postgres import EmbeddedPostgres
from tests.integration.test_api_process import environment, started
from tests.unit.sfm_api.api_client import AUTHORIZED, TEA

pytestmark = pytest.mark.integration


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """All processes of a server stand still in the block."""
    main = psutil.Process(pid)
    everyone = [main, *main.children(recursive=True)]
    for one in everyone:
        os.kill(one.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for one in everyone:
            os.kill(one.pid, signal.SIGCONT)


async def test_a_recall_that_finds_nothing_is_unavailable_from_the_first_moment(
    postgres_server: object, tmp_path: Path
) -> None:
    """On a server of its own; the last poll of the change feed has succeeded throughout."""
    del postgres_server  # where that one cannot run, this one cannot either
    nothing = RecallQuery(query="tea", filter=Term("room", Op.EQ, "none"))
    async with EmbeddedPostgres.open(tmp_path, settings={"fsync": "off"}) as server:
        await migrate(server.dsn)
        core = CoreSettings(
            postgres_url=Secret(server.dsn), embedder="hash", recall_deadline_seconds=10.0
        )
        async with open_runtime(core) as runtime:
            draft = MemoryDraft(payload={"note": "tea"})
            await runtime.remember.store("acme", Coordinate.of([1]), draft)
            assert len((await runtime.recall.recall("acme", RecallQuery(query="tea"))).hits) == 1
            assert (await runtime.recall.recall("acme", nothing)).hits == ()
            assert server.pid is not None
            with stopped(server.pid):
                for _ in range(3):
                    with anyio.fail_after(8), pytest.raises(Unavailable):
                        await runtime.recall.recall("acme", nothing)
                with anyio.fail_after(20), pytest.raises((Unavailable, DeadlineExceeded)):
                    await runtime.recall.recall("acme", RecallQuery(query="tea"))
            with anyio.fail_after(20):
                while True:
                    try:
                        found = await runtime.recall.recall("acme", nothing)
                    except Unavailable:
                        continue
                    break
            assert found.hits == ()


async def test_the_api_that_is_told_to_stop_while_the_store_hangs_ends_with_zero(
    postgres_server: object, tmp_path: Path
) -> None:
    del postgres_server
    answers: list[int] = []
    async with EmbeddedPostgres.open(tmp_path, settings={"fsync": "off"}) as server:
        await migrate(server.dsn)
        env = environment(POSTGRES_URL=server.dsn, SFM_SHUTDOWN_GRACE_SECONDS="1.5")
        with started(env) as api:
            async with httpx.AsyncClient(base_url=api.url, headers=AUTHORIZED) as client:

                async def write() -> None:
                    answers.append((await client.put("/v1/acme/memories/1", json=TEA)).status_code)

                await write()
                assert server.pid is not None
                with stopped(server.pid):
                    async with anyio.create_task_group() as tasks:
                        tasks.start_soon(write)
                        for _ in range(5):  # meanwhile the write has come in
                            assert (await client.get("/healthz")).status_code == 200
                        code = await anyio.to_thread.run_sync(api.stop)
    assert answers == [201, 503]
    assert code == 0
