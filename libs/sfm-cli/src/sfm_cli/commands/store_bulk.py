"""`soma store-bulk`."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, BinaryIO

import anyio.to_thread
import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from sfm_cli.bulk import Sender, Tally
from sfm_cli.bulk_lines import Batch, batches
from sfm_cli.client import Client, Document
from sfm_cli.failures import ExitCode, Failure
from sfm_cli.options import Talk, talks
from sfm_cli.output import say, say_json


@click.command("store-bulk")
@click.argument("file", type=click.File("rb"))
@talks
def command(talk: Talk, *, file: BinaryIO) -> None:
    """Store the memories of FILE (or -): NDJSON, one memory per line.

    A line is what POST /v1/{ns}/memories takes: {"payload": {...}} and, if wanted, coordinate,
    kind, text, importance, tags, session, source, occurred_at, expires_at, pinned. A bad line
    is reported with its number and stops no other. Run it again on the same file after an
    interruption: what is stored already is not stored twice.

    With --json stdout gets a result per line of FILE, and stderr the summary.
    """
    namespace = talk.target().namespace

    async def store(client: Client) -> Tally:
        sender = Sender(client, namespace)
        finished = False
        try:
            await _send_all(sender, file, talk)
            finished = True
        finally:
            _sum_up(sender.tally, talk, finished=finished)
        return sender.tally

    tally = talk.ask(store, writes=True)
    if tally.failed:
        click.get_current_context().exit(ExitCode.FAILED)


async def _send_all(sender: Sender, file: BinaryIO, talk: Talk) -> None:
    source = batches(file)

    def following() -> Batch | None:
        return next(source, None)

    with _progress(file) as progress:
        task = progress.add_task("0 lines", total=_size(file))
        # abandoned on Ctrl-C: a terminal or a pipe may never give another line
        while batch := await anyio.to_thread.run_sync(following, abandon_on_cancel=True):
            async for result in sender.send(batch):
                _tell(result, talk, progress)
            progress.update(
                task,
                advance=batch.size_bytes,
                description=f"{sender.tally.lines} lines",
            )


@contextmanager
def _progress(file: BinaryIO) -> Iterator[Progress]:
    """A bar on stderr when somebody sees it; lines on stderr appear above it."""
    err = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    del file
    with Progress(
        *columns, TimeElapsedColumn(), console=err, transient=True, disable=not err.is_terminal
    ) as progress:
        yield progress


def _size(file: BinaryIO) -> int | None:
    """In bytes; None for what has no size, a pipe."""
    try:
        return os.fstat(file.fileno()).st_size or None
    except OSError:
        return None


def _tell(result: Document, talk: Talk, progress: Progress) -> None:
    if talk.as_json:
        say_json(result)
    elif "error" in result:
        for line in Failure(result["error"]).lines():
            message = f"soma: line {result['line']}: {line}"
            if progress.disable:
                click.echo(message, err=True)
            else:
                progress.console.print(message, markup=False, highlight=False, soft_wrap=True)


def _sum_up(tally: Tally, talk: Talk, *, finished: bool) -> None:
    if talk.as_json:
        shown: dict[str, Any] = {**asdict(tally), "finished": finished}
        click.echo(json.dumps(shown, separators=(",", ":")), err=True)
        return
    parts = [f"{tally.created} new", f"{tally.over} over or known already"]
    if tally.replayed:
        parts.append(f"{tally.replayed} of them by an earlier run")
    line = f"{tally.stored} of {tally.lines} lines stored ({', '.join(parts)})"
    if finished:
        say(line)
    else:
        click.echo(f"stopped: {line}; run it again to go on", err=True)
