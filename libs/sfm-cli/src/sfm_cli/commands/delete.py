"""`soma delete`."""

import click

from sfm_cli.options import (
    CoordinateFirst,
    Talk,
    checked_key,
    condition_of,
    coordinate_argument,
    coordinate_of,
    key_option,
    talks,
    version_option,
    wait_option,
)
from sfm_cli.output import say


@click.command("delete", cls=CoordinateFirst)
@coordinate_argument
@version_option
@key_option
@wait_option
@talks
def command(
    talk: Talk, *, coordinate: str, if_version: int | None, key: str | None, wait: str
) -> None:
    """Delete the memory at COORD; again is fine. With --json nothing is printed."""
    at, condition, checked = coordinate_of(coordinate), condition_of(if_version), checked_key(key)
    talk.ask(lambda client: client.delete(at, condition=condition, key=checked, wait=wait))
    if not talk.as_json:
        say(f"deleted {at.text}")
