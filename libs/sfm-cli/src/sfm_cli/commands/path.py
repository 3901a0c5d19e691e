"""`soma path`."""

import click

from sfm_cli import tables
from sfm_cli.options import CoordinateFirst, Talk, coordinate_of, talks


@click.command("path", cls=CoordinateFirst)
@click.argument("origin", metavar="FROM")
@click.argument("target", metavar="TO")
@click.option("--type", metavar="TYPE", help="Only along links of this type.")
@click.option("--min-position", type=int, metavar="N", help="Wait until that write is seen.")
@talks
def command(talk: Talk, *, origin: str, target: str, **asked: str | int | None) -> None:
    """Find the strongest way from FROM to TO, along links in their direction."""
    params = {"from": coordinate_of(origin, "/from").text, "to": coordinate_of(target, "/to").text}
    params |= {name: str(value) for name, value in asked.items() if value is not None}
    found = talk.ask(lambda client: client.call("GET", "/path", params=params))
    talk.show(found, tables.path)
