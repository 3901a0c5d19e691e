"""What the read cache is worth: rows of hits through it, beside PostgreSQL alone.

    python -m benchmarks.cache [--calls 300]

Brings up a PostgreSQL and a Valkey of its own; prints a table of milliseconds, one caller.
"""

import argparse
import logging
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import perf_counter
from uuid import UUID, uuid4

import anyio

from sfm_core.adapters.postgres.migrate import migrate
from sfm_core.adapters.postgres.pool import open_pool
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.adapters.redis.cache import RedisCache
from sfm_core.adapters.redis.link import RedisLink
from sfm_core.model import Written
from sfm_core.owned import owned_tasks
from sfm_core.ports import NoTelemetry
from sfm_core.recall.rows import CachedRows
from sfm_core.testing.writes import an_upsert
from sfm_standalone.postgres import EmbeddedPostgres
from tests.servers.valkey import valkey

SIZES = (100, 1_000, 4_000, 16_000, 64_000)
HITS = (5, 50)


async def timed(calls: int, ask: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """Median and 95th percentile of a call, in ms."""
    took: list[float] = []
    for _ in range(calls):
        started = perf_counter()
        await ask()
        took.append(1000 * (perf_counter() - started))
    took.sort()
    return took[len(took) // 2], took[int(len(took) * 0.95)]


async def ids_of(store: PostgresStore, namespace: str, size: int, count: int) -> list[UUID]:
    text = " ".join(uuid4().hex for _ in range(size // 33 + 1))[:size]
    writes = [an_upsert(f"{i}", payload={"said": text, "n": i}) for i in range(count)]
    applied = await store.apply(namespace, writes)
    return [outcome.id for outcome in applied.outcomes if isinstance(outcome, Written)]


async def run(calls: int) -> None:
    with tempfile.TemporaryDirectory() as folder, valkey() as server:
        async with EmbeddedPostgres.open(Path(folder)) as postgres:
            await migrate(postgres.dsn)
            async with (
                open_pool(postgres.dsn) as pool,
                RedisLink.open(server.url) as link,
                owned_tasks() as tasks,
            ):
                store, cache = PostgresStore(pool), RedisCache(link)
                rows = CachedRows(tasks, records=store, cache=cache, telemetry=NoTelemetry())
                print(
                    "| payload bytes | rows | PostgreSQL p50 / p95 | cache p50 / p95 | positions |"
                )
                print("|---|---|---|---|---|")
                for size in SIZES:
                    for count in HITS:
                        name = f"n-{size}-{count}"
                        ids = await ids_of(store, name, size, count)
                        await cache.keep(name, list((await store.fetch(name, ids)).values()))
                        alone = await timed(calls, lambda: store.fetch(name, ids))  # noqa: B023
                        cached = await timed(calls, lambda: rows.fetch(name, ids))  # noqa: B023
                        light = await timed(calls, lambda: store.marks(name, ids))  # noqa: B023
                        print(
                            f"| {size} | {count} | {alone[0]:.2f} / {alone[1]:.2f} "
                            f"| {cached[0]:.2f} / {cached[1]:.2f} | {light[0]:.2f} |"
                        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=300)
    logging.disable(logging.INFO)
    anyio.run(run, parser.parse_args().calls)


if __name__ == "__main__":
    main()
