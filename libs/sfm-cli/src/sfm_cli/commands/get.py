"""`soma get`."""

import click

from sfm_cli import tables
from sfm_cli.client import Client, Document
from sfm_cli.options import CoordinateFirst, Talk, coordinate_argument, coordinate_of, talks
from sfm_cli.output import say, say_json
from sfm_core.coordinates import Coordinate


@click.command("get", cls=CoordinateFirst)
@coordinate_argument
@click.option("--version", type=int, metavar="N", help="As it stood then, also if it is gone.")
@talks
def command(talk: Talk, *, coordinate: str, version: int | None) -> None:
    """Show the memory at COORD (like 1,2.5,-3)."""
    at = coordinate_of(coordinate)
    found = talk.ask(lambda client: _found(client, at, version))
    if talk.as_json:
        say_json(found)
    else:
        say(tables.memory(found))


async def _found(client: Client, at: Coordinate, version: int | None) -> Document:
    if version is None:
        return await client.get(at)
    return await client.call("GET", f"/memories/{at.text}", params={"version": str(version)})
