"""`soma neighbors`."""

import click

from sfm_cli import tables
from sfm_cli.options import CoordinateFirst, Talk, coordinate_argument, coordinate_of, talks
from sfm_cli.output import say, say_json


@click.command("neighbors", cls=CoordinateFirst)
@coordinate_argument
@click.option("--type", metavar="TYPE", help="Only links of this type.")
@click.option("--direction", type=click.Choice(["out", "in", "both"]), help="[both]")
@click.option("--limit", type=int, metavar="N", help="At most 1000. [100]")
@click.option("--cursor", metavar="CURSOR", help="Go on where a page ended.")
@talks
def command(talk: Talk, *, coordinate: str, **asked: str | int | None) -> None:
    """List the links of the memory at COORD, the strongest first."""
    at = coordinate_of(coordinate)
    params = {name: str(value) for name, value in asked.items() if value is not None}
    found = talk.ask(
        lambda client: client.call("GET", f"/memories/{at.text}/neighbors", params=params)
    )
    if talk.as_json:
        say_json(found)
        return
    say(tables.neighbors(found))
    if found["next_cursor"] is not None:
        click.echo(f"there are more: --cursor {found['next_cursor']}", err=True)
