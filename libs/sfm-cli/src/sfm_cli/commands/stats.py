"""`soma stats`."""

import click

from sfm_cli import tables
from sfm_cli.options import Talk, talks
from sfm_cli.output import say, say_json


@click.command("stats")
@talks
def command(talk: Talk) -> None:
    """Count what the namespace holds, and say how it is kept."""
    found = talk.ask(lambda client: client.stats())
    if talk.as_json:
        say_json(found)
    else:
        say(tables.stats(found))
