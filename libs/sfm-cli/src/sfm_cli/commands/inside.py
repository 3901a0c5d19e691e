"""`soma range`."""

import click

from sfm_cli.options import CoordinateFirst, Talk, talks
from sfm_cli.pages import page_options, show_pages


@click.command("range", cls=CoordinateFirst)
@click.argument("low", metavar="MIN")
@click.argument("high", metavar="MAX")
@page_options
@talks
def command(talk: Talk, *, low: str, high: str, everything: bool, **asked: object) -> None:
    """List the memories between the corners MIN and MAX (like 0,0 10,10), which belong to it.

    Only memories with as many axes are inside; in the order of the first axis.
    """
    show_pages(
        talk,
        lambda client, page: client.call("GET", "/range", params=page),
        {"min": low, "max": high, **asked},
        everything=everything,
    )
