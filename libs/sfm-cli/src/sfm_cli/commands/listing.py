"""`soma list`."""

import click

from sfm_cli.options import Talk, talks
from sfm_cli.pages import page_options, show_pages


@click.command("list")
@click.option("--kind", type=click.Choice(["episodic", "semantic"]))
@click.option("--tag", metavar="TAG")
@click.option("--filter", metavar="JSON", help='Like {"@importance": {"$gte": 2}}.')
@click.option("--since", metavar="TIME", help="Like 2026-05-01T12:00:00Z.")
@click.option("--until", metavar="TIME")
@page_options
@talks
def command(talk: Talk, *, everything: bool, **asked: object) -> None:
    """List memories, oldest first."""
    show_pages(talk, lambda client, page: client.list(page), asked, everything=everything)
