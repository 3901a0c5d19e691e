"""Answers that come page by page, followed by their cursors."""

from collections.abc import Awaitable, Callable, Mapping

import click

from sfm_cli import tables
from sfm_cli.client import Client, Document
from sfm_cli.options import Talk
from sfm_cli.output import say, say_json

type Fetch = Callable[[Client, Mapping[str, str]], Awaitable[Document]]
"""One page of memories, with `next_cursor`."""


def page_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options `limit`, `cursor` and `everything`."""
    for option in (
        click.option("--all", "everything", is_flag=True, help="All pages; as JSON one a line."),
        click.option("--cursor", metavar="CURSOR", help="Go on where a page ended."),
        click.option("--limit", type=int, metavar="N", help="Memories of a page, at most 1000."),
    ):
        command = option(command)
    return command


def show_pages(talk: Talk, fetch: Fetch, asked: Mapping[str, object], *, everything: bool) -> None:
    """Print one page of what was asked (nulls left out), or all; say where there is more."""
    params = {name: str(value) for name, value in asked.items() if value is not None}
    cursor = talk.ask(lambda client: _shown(client, fetch, params, talk, everything=everything))
    if cursor is not None and not talk.as_json:
        click.echo(f"there are more: --all, or --cursor {cursor}", err=True)


async def _shown(
    client: Client, fetch: Fetch, params: Mapping[str, str], talk: Talk, *, everything: bool
) -> str | None:
    """The cursor of what is left."""
    page = await fetch(client, params)
    _print(talk, page)
    while everything and page["next_cursor"] is not None:
        page = await fetch(client, {**params, "cursor": page["next_cursor"]})
        _print(talk, page)
    cursor: str | None = page["next_cursor"]
    return cursor


def _print(talk: Talk, page: Document) -> None:
    if talk.as_json:
        say_json(page)
    elif page["memories"]:
        say(tables.memories(page))
