"""`soma patch`."""

from functools import partial

import click

from sfm_cli import tables
from sfm_cli.client import waiting
from sfm_cli.options import (
    NUMBER,
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
from sfm_cli.payload import patch_of


@click.command("patch", cls=CoordinateFirst)
@coordinate_argument
@click.argument("payload", required=False)
@click.option("--importance", type=NUMBER, metavar="X", help="On any scale.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="In place of its tags; repeat.")
@click.option("--no-tags", is_flag=True, help="Take its tags away.")
@click.option("--expires-at", metavar="TIME", help="From when on it is hidden.")
@click.option("--never-expires", is_flag=True, help="Take the time of expiry away.")
@click.option("--pinned/--not-pinned", default=None, help="Neither decays nor is pruned.")
@version_option
@key_option
@wait_option
@talks
def command(
    talk: Talk,
    *,
    coordinate: str,
    if_version: int | None,
    key: str | None,
    wait: str,
    **given: object,
) -> None:
    """Change some of the memory at COORD; what is not given stays as it is.

    PAYLOAD is a merge patch: a JSON object (or words, @FILE, -, as for store) whose members
    replace those of the payload; null removes one.
    """
    at, condition, checked = coordinate_of(coordinate), condition_of(if_version), checked_key(key)
    body = patch_of(given)
    path = f"/memories/{at.text}"
    done = talk.ask(
        lambda client: client.call(
            "PATCH", path, params=waiting(wait), body=body, condition=condition, key=checked
        )
    )
    talk.show(done, partial(tables.changed, "patched"))
