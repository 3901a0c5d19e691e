"""`soma delete-many`."""

import click

from sfm_cli.client import Document, waiting
from sfm_cli.options import (
    CoordinateFirst,
    Talk,
    checked_key,
    coordinate_of,
    key_option,
    talks,
    wait_option,
)
from sfm_cli.output import say, say_json
from sfm_cli.payload import json_option


@click.command("delete-many", cls=CoordinateFirst)
@click.argument("coordinates", nargs=-1, metavar="[COORD]...")
@click.option("--filter", "filter_", metavar="JSON", help='Like {"@session": "chat-7"}.')
@click.option("--all", "everything", is_flag=True, help="Every memory of the namespace.")
@key_option
@wait_option
@talks
def command(
    talk: Talk,
    *,
    coordinates: tuple[str, ...],
    filter_: str | None,
    everything: bool,
    key: str | None,
    wait: str,
) -> None:
    """Delete the memories at up to 1000 COORDs, or those that a filter admits, or all."""
    checked, body = checked_key(key), _selection(coordinates, filter_, everything=everything)
    path, params = "/memories:delete", waiting(wait)
    done = talk.ask(lambda client: client.call("POST", path, params=params, body=body, key=checked))
    if talk.as_json:
        say_json(done)
    else:
        say(f"deleted {done['deleted']} {'memory' if done['deleted'] == 1 else 'memories'}")


def _selection(coordinates: tuple[str, ...], filter_: str | None, *, everything: bool) -> Document:
    body: Document = {}
    if coordinates:
        body["coordinates"] = [coordinate_of(text).numbers() for text in coordinates]
    if filter_ is not None:
        body["filter"] = json_option(filter_, "/filter")
    if everything:
        body["all"] = True
    if len(body) != 1:
        raise click.UsageError("give coordinates, or --filter, or --all")
    return body
