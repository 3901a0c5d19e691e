"""`soma stats`."""

import click

from sfm_cli import tables
from sfm_cli.options import Talk, talks


@click.command("stats")
@talks
def command(talk: Talk) -> None:
    """Count what the namespace holds, and say how it is kept."""
    found = talk.ask(lambda client: client.stats())
    talk.show(found, tables.stats)
