"""How each part of the benchmark is run by itself."""

import argparse
import logging
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import anyio

from benchmarks import standalone
from benchmarks.pipeline.report import Table

DATA: Final = standalone.ROOT.parent / "shared" / "data"


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for servers, gone at the end; PostgreSQL may run as another user below it."""
    with tempfile.TemporaryDirectory(prefix="sfm-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def quiet() -> None:
    """Aiokafka complains while a topic is made."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


def alone(
    doc: str | None,
    add_arguments: Callable[[argparse.ArgumentParser], None],
    tables: Callable[[argparse.Namespace], Awaitable[list[Table]]],
) -> None:
    """One part: its tables are printed, no results are kept."""
    quiet()
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with locomo.json")
    add_arguments(parser)
    for table in anyio.run(tables, parser.parse_args()):
        if table.shown:
            print(f"{table.markdown()}\n")
