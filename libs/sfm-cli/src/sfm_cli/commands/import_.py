"""`soma import`."""

import json
from collections.abc import AsyncIterator
from typing import BinaryIO

import click

from sfm_cli.client import Client, Document
from sfm_cli.failures import ExitCode, Failure
from sfm_cli.ndjson import chunks, lines
from sfm_cli.options import Talk, talks
from sfm_cli.output import say, say_json
from sfm_core.errors import Unavailable

NDJSON = "application/x-ndjson"
_AGAIN = "run it again: what is stored already changes nothing"


@click.command("import")
@click.argument("file", type=click.File("rb"))
@click.option(
    "--mode",
    type=click.Choice(["merge", "replace"]),
    default="merge",
    help="merge: what is newer wins; replace: FILE does, at the coordinates it names.",
)
@talks
def command(talk: Talk, *, file: BinaryIO, mode: str) -> None:
    """Read FILE (or -), which `soma export` wrote, or NDJSON of memories with a coordinate.

    Each line is stored by itself; a bad one is reported with its number and stops no other. The
    same file again changes nothing: after an interruption run the same command again.

    With --json stdout gets the result of each line, and the summary as the last one.
    """

    async def load(client: Client) -> Document:
        source = chunks(file)
        call = client.stream("POST", "/import", params={"mode": mode}, content=source, media=NDJSON)
        async with call as pieces:
            return await _told(lines(pieces), talk)

    try:
        summary = talk.ask(load, writes=True)
    except Failure as failure:
        if failure.code is ExitCode.UNAVAILABLE:
            click.echo(f"soma: {_AGAIN}", err=True)
        raise
    _sum_up(summary, talk)


async def _told(results: AsyncIterator[bytes], talk: Talk) -> Document:
    """Tell of each line; the summary.

    Raises:
        Failure: the answer broke off.
    """
    last = 0
    async for raw in results:
        result: Document = json.loads(raw)
        if talk.as_json:
            say_json(result)
        if "sfm" in result:
            return result
        last = result["line"]
        if "error" in result and not talk.as_json:
            for line in Failure(result["error"]).lines():
                click.echo(f"soma: line {last}: {line}", err=True)
    raise Failure.of(Unavailable(f"the answer broke off after line {last}"))


def _sum_up(summary: Document, talk: Talk) -> None:
    if not talk.as_json:
        counts = ("created", "updated", "deleted", "unchanged", "kept", "failed")
        parts = [f"{summary[name]} {name}" for name in counts if summary[name]]
        say(f"imported up to line {summary['lines']}: {', '.join(parts) or 'nothing'}")
    if "error" in summary:
        click.echo(f"soma: stopped after line {summary['lines']}; {_AGAIN}", err=True)
        raise Failure(summary["error"])
    if summary["complete"] is False and not talk.as_json:
        click.echo("soma: the export was cut or changed: what came of it is imported", err=True)
    if summary["failed"] or summary["complete"] is False:
        click.get_current_context().exit(ExitCode.FAILED)
