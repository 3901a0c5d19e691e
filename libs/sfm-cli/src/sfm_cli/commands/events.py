"""`soma events`."""

import anyio
import click

from sfm_cli import tables
from sfm_cli.client import Client, Document
from sfm_cli.options import Talk, talks
from sfm_cli.output import say, say_json

_LOOK_S = 0.5


@click.command("events")
@click.option("--after", type=int, metavar="N", help="Only events behind this position. [0]")
@click.option("--limit", type=int, metavar="N", help="Events of a page, at most 1000. [100]")
@click.option("--all", "everything", is_flag=True, help="Every page; with --json one line each.")
@click.option("--follow", is_flag=True, help="Every page, then what is still to come.")
@talks
def command(
    talk: Talk, *, after: int | None, limit: int | None, everything: bool, follow: bool
) -> None:
    """Show what happened, in order, from a position of the log on."""
    params = {} if limit is None else {"limit": str(limit)}

    async def pages(client: Client) -> Document:
        position = after
        while True:
            asked = params if position is None else {**params, "after": str(position)}
            page = await client.call("GET", "/events", params=asked)
            _print(talk, page, quietly=follow)
            position = page["position"]
            if not (follow or (everything and page["more"])):
                return page
            if not page["more"]:
                await anyio.sleep(_LOOK_S)

    last = talk.ask(pages)
    if last["more"] and not talk.as_json:
        click.echo(f"there are more: --all, or --after {last['position']}", err=True)


def _print(talk: Talk, page: Document, *, quietly: bool) -> None:
    """A page; an empty one only where no page was expected to follow it."""
    if talk.as_json:
        if page["events"] or not quietly:
            say_json(page)
    elif page["events"]:
        say(tables.events(page))
