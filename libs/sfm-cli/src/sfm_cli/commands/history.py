"""`soma history`."""

from collections.abc import Mapping

import click

from sfm_cli import tables
from sfm_cli.client import Client
from sfm_cli.options import CoordinateFirst, Talk, coordinate_argument, coordinate_of, talks
from sfm_cli.output import say, say_json


@click.command("history", cls=CoordinateFirst)
@coordinate_argument
@click.option("--limit", type=int, metavar="N", help="Versions of a page, at most 100. [20]")
@click.option("--before", type=int, metavar="VERSION", help="Only versions below this one.")
@click.option("--all", "everything", is_flag=True, help="Every page; with --json one line each.")
@talks
def command(
    talk: Talk, *, coordinate: str, limit: int | None, before: int | None, everything: bool
) -> None:
    """List the versions of the memory at COORD, newest first, also when it is gone."""
    path = f"/memories/{coordinate_of(coordinate).text}/history"
    given = {"limit": limit, "before": before}
    params = {name: str(value) for name, value in given.items() if value is not None}
    left = talk.ask(lambda client: _pages(client, path, params, talk, everything=everything))
    if left is not None and not talk.as_json:
        click.echo(f"there are more: --all, or --before {left}", err=True)


async def _pages(
    client: Client, path: str, params: Mapping[str, str], talk: Talk, *, everything: bool
) -> int | None:
    """Print one page, or all; the version that what is left lies below."""
    while True:
        page = await client.call("GET", path, params=params)
        if talk.as_json:
            say_json(page)
        elif page["versions"]:
            say(tables.history(page))
        left: int | None = page["next_before"]
        if left is None or not everything:
            return left
        params = {**params, "before": str(left)}
