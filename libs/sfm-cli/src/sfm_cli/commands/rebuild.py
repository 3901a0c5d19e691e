"""`soma rebuild`."""

from collections.abc import Callable

import click

from sfm_cli.client import Client, Document
from sfm_cli.failures import ExitCode
from sfm_cli.options import Talk, talks
from sfm_cli.output import facts, say, say_json


@click.command("rebuild")
@click.argument("projection", type=click.Choice(["vectors", "slab", "lexical", "graph", "cache"]))
@talks
def command(talk: Talk, *, projection: str) -> None:
    """Build PROJECTION anew from the record store, and compare digests.

    Vectors come in portions, each with its digests. Ends with 1 when something does not agree
    with the record store afterwards, which writes in between may cause as well: run it again.
    """
    if not talk.ask(lambda client: _rebuilt(client, projection, show=_shown(talk))):
        click.get_current_context().exit(ExitCode.FAILED)


async def _rebuilt(client: Client, projection: str, *, show: Callable[[Document], None]) -> bool:
    """Whether every portion is sound; each is shown when it is done."""
    body, is_sound, more = {"projection": projection}, True, True
    while more:
        done = await client.call("POST", "/rebuild", body=dict(body))
        show(done)
        is_sound = is_sound and bool(done["sound"])
        more = done.get("next") is not None
        body["after"] = str(done.get("next"))
    return is_sound


def _shown(talk: Talk) -> Callable[[Document], None]:
    if talk.as_json:
        return say_json
    return lambda done: say(facts(_lines(done)))


def _lines(done: Document) -> Document:
    """Where there is a vector index, its digests are lines of their own."""
    points = done.get("points") or {}
    rows = {name: value for name, value in done.items() if name != "points"}
    rows |= {f"points.{name}": value for name, value in points.items()}
    return {name: "-" if value is None else value for name, value in rows.items()}
