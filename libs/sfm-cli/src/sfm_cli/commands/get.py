"""`soma get`."""

import click

from sfm_cli import tables
from sfm_cli.options import CoordinateFirst, Talk, coordinate_argument, coordinate_of, talks
from sfm_cli.output import say, say_json


@click.command("get", cls=CoordinateFirst)
@coordinate_argument
@talks
def command(talk: Talk, *, coordinate: str) -> None:
    """Show the memory at COORD (like 1,2.5,-3)."""
    at = coordinate_of(coordinate)
    found = talk.ask(lambda client: client.get(at))
    if talk.as_json:
        say_json(found)
    else:
        say(tables.memory(found))
