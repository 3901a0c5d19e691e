"""`soma list`."""

from collections.abc import Mapping

import click

from sfm_cli import tables
from sfm_cli.client import Client, Document
from sfm_cli.options import Talk, talks
from sfm_cli.output import say, say_json


@click.command("list")
@click.option("--kind", type=click.Choice(["episodic", "semantic"]))
@click.option("--tag", metavar="TAG")
@click.option("--filter", metavar="JSON", help='Like {"@importance": {"$gte": 2}}.')
@click.option("--since", metavar="TIME", help="Like 2026-05-01T12:00:00Z.")
@click.option("--until", metavar="TIME")
@click.option("--limit", type=int, metavar="N", help="Memories of a page, at most 1000.")
@click.option("--cursor", metavar="CURSOR", help="Go on where a page ended.")
@click.option("--all", "everything", is_flag=True, help="Every page; with --json one line each.")
@talks
def command(talk: Talk, *, everything: bool, limit: int | None, **asked: str | None) -> None:
    """List memories, oldest first."""
    params = {name: value for name, value in asked.items() if value is not None}
    if limit is not None:
        params["limit"] = str(limit)
    cursor = talk.ask(lambda client: _pages(client, params, talk, everything=everything))
    if cursor is not None and not talk.as_json:
        click.echo(f"there are more: --all, or --cursor {cursor}", err=True)


async def _pages(
    client: Client, params: Mapping[str, str], talk: Talk, *, everything: bool
) -> str | None:
    """Print one page, or all; the cursor of what is left."""
    page = await client.list(params)
    _print(talk, page)
    while everything and page["next_cursor"] is not None:
        page = await client.list({**params, "cursor": page["next_cursor"]})
        _print(talk, page)
    cursor: str | None = page["next_cursor"]
    return cursor


def _print(talk: Talk, page: Document) -> None:
    if talk.as_json:
        say_json(page)
    elif page["memories"]:
        say(tables.memories(page))
