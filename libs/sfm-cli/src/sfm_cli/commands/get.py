"""`soma get`."""

from collections.abc import Mapping

import click

from sfm_cli import tables
from sfm_cli.client import Client, Document
from sfm_cli.options import CoordinateFirst, Talk, coordinate_argument, coordinate_of, talks
from sfm_core.coordinates import Coordinate


@click.command("get", cls=CoordinateFirst)
@coordinate_argument
@click.option("--version", type=int, metavar="N", help="As it stood then, also if it is gone.")
@click.option("--links", is_flag=True, help="With its strongest links.")
@talks
def command(talk: Talk, *, coordinate: str, version: int | None, links: bool) -> None:
    """Show the memory at COORD (like 1,2.5,-3)."""
    at = coordinate_of(coordinate)
    params = {} if version is None else {"version": str(version)}
    params |= {"include": "links"} if links else {}
    found = talk.ask(lambda client: _found(client, at, params))
    talk.show(found, tables.memory)


async def _found(client: Client, at: Coordinate, params: Mapping[str, str]) -> Document:
    if not params:
        return await client.get(at)
    return await client.call("GET", f"/memories/{at.text}", params=params)
