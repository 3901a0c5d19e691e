"""`make fuzz`: bad requests by the hundred thousand, over a PostgreSQL of its own."""

import argparse
import secrets
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from urllib.parse import urlsplit, urlunsplit

import anyio
import asyncpg

from sfm_core.adapters.postgres.migrate import migrate
from sfm_standalone.postgres import EmbeddedPostgres
from tests.fuzz.requests import request_of
from tests.fuzz.running import Report, fuzz
from tests.servers.postgres import FAST

CHUNK = 10_000
"""So many requests share a database."""
SHOWN = 20


async def run(seed: int, refusals: int, sockets: int, first: int) -> Report:
    """Until so many were refused in process, then over a socket; a fresh database per chunk."""
    report, start = Report(), first
    with tempfile.TemporaryDirectory(prefix="sfm-fuzz-") as folder:
        async with EmbeddedPostgres.open(Path(folder), settings=FAST) as server:
            while report.refused < refusals:
                size = min(CHUNK, refusals - report.refused + 1)
                await _chunk(report, server, seed, range(start, start + size))
                start += size
            numbers = range(start, start + sockets)
            await _chunk(report, server, seed, numbers, over_a_socket=True)
    return report


async def _chunk(
    report: Report,
    server: EmbeddedPostgres,
    seed: int,
    numbers: range,
    *,
    over_a_socket: bool = False,
) -> None:
    dsn, admin_dsn = await _database(server.dsn, server.admin_dsn)
    began = perf_counter()
    part = await fuzz(seed, numbers, dsn=dsn, admin_dsn=admin_dsn, over_a_socket=over_a_socket)
    report.add(part)
    way = "over a socket" if over_a_socket else "in process"
    took_s = perf_counter() - began
    say(
        f"{numbers.start}..{numbers.stop - 1} {way}: {part.refused} refused, "
        f"{len(part.faults)} faults, {took_s:.0f} s"
    )


async def _database(dsn: str, admin_dsn: str) -> tuple[str, str]:
    name = f"fuzz_{secrets.token_hex(4)}"
    admin = await asyncpg.connect(admin_dsn)
    await admin.execute(f'CREATE DATABASE "{name}" OWNER "{urlsplit(dsn).username}"')
    await admin.close()
    mine, theirs = (urlunsplit(urlsplit(d)._replace(path=f"/{name}")) for d in (dsn, admin_dsn))
    await migrate(mine)
    return mine, theirs


def say(line: str) -> None:
    print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--refusals", type=int, default=100_000, help="in process, at least")
    parser.add_argument("--sockets", type=int, default=2_000, help="more, over a real socket")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31))
    parser.add_argument("--first", type=int, default=0, help="number of the first request")
    parser.add_argument("--show", type=int, metavar="N", help="print request N and send nothing")
    asked = parser.parse_args()
    if asked.show is not None:
        say(request_of(asked.seed, asked.show).told())
        return
    say(f"seed {asked.seed}")
    began = perf_counter()
    report = anyio.run(run, asked.seed, asked.refusals, asked.sockets, asked.first)
    say(f"{sum(report.statuses.values())} requests in {perf_counter() - began:.0f} s: "
        f"{dict(sorted(report.statuses.items()))}")  # fmt: skip
    say(f"{len(report.calls)} calls; {report.refused} refused, tables compared after "
        f"{report.compared} of them")  # fmt: skip
    for fault in report.faults[:SHOWN]:
        say(fault)
    say(f"{len(report.faults)} faults (seed {asked.seed})")
    sys.exit(1 if report.faults else 0)


if __name__ == "__main__":
    main()
