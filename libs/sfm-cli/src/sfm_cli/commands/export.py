"""`soma export`."""

import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import anyio.to_thread
import click

from sfm_cli.client import Client, Document
from sfm_cli.failures import Failure, OutputClosed
from sfm_cli.options import Talk, talks
from sfm_core.errors import Unavailable


@click.command("export")
@click.argument("file", default="-", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--history", is_flag=True, help="Every version of every memory, deleted ones too.")
@click.option("--vectors", is_flag=True, help="With vectors: an import need not embed.")
@talks
def command(talk: Talk, *, file: str, history: bool, vectors: bool) -> None:
    """Write the namespace to FILE (or stdout) as NDJSON: what `soma import` reads.

    It is of one moment, whatever is written meanwhile. FILE appears when it is whole; stdout ends
    with a line {"sfm": "end"} when it is.
    """
    asked = {"history": "true"} if history else {}
    asked |= {"vectors": "true"} if vectors else {}

    async def export(client: Client) -> Document:
        with _opened(file) as write:
            async with client.stream("GET", "/export", params=asked) as pieces:
                return await _written(pieces, write)

    end = talk.ask(export)
    if not talk.as_json:
        click.echo(f"exported {_counted(end)}", err=True)


async def _written(pieces: AsyncIterator[bytes], write: Callable[[bytes], object]) -> Document:
    """Write all on; the end line.

    Raises:
        Failure: the export broke off.
    """
    last = rest = b""
    async for piece in pieces:
        await anyio.to_thread.run_sync(write, piece)
        *whole, rest = (rest + piece).split(b"\n")
        last = whole[-1] if whole else last
    try:
        end = json.loads(rest or last)
    except ValueError:
        end = {}
    if end.get("sfm") == "failed":
        raise Failure(end["error"])
    if end.get("sfm") != "end":
        raise Failure.of(Unavailable("the export broke off; run it again"))
    found: Document = end
    return found


@contextmanager
def _opened(file: str) -> Generator[Callable[[bytes], object]]:
    if file == "-":
        yield _to_stdout
        return
    path = Path(file)
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as opened:
            yield opened.write
            opened.flush()
            os.fsync(opened.fileno())
        part.replace(path)
    except OSError as error:
        raise click.UsageError(f"{file}: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)


def _to_stdout(piece: bytes) -> None:
    try:
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise OutputClosed from None


def _counted(end: Document) -> str:
    names = ("memories", "versions", "links")
    parts = [f"{end[name]} {name}" for name in names if end.get(name)]
    return ", ".join(parts) or "nothing"
