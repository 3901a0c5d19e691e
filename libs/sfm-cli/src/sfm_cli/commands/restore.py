"""`soma restore`."""

from functools import partial

import click

from sfm_cli import tables
from sfm_cli.client import waiting
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


@click.command("restore", cls=CoordinateFirst)
@coordinate_argument
@click.argument("version", type=int)
@version_option
@click.option("--if-absent", is_flag=True, help="Only when no memory is there.")
@key_option
@wait_option
@talks
def command(
    talk: Talk,
    *,
    coordinate: str,
    version: int,
    if_version: int | None,
    if_absent: bool,
    key: str | None,
    wait: str,
) -> None:
    """Make an older VERSION of the memory at COORD the newest; also undoes a deletion."""
    condition = condition_of(if_version, if_absent=if_absent)
    at, checked = coordinate_of(coordinate), checked_key(key)
    path, body = f"/memories/{at.text}:restore", {"version": version}
    done = talk.ask(
        lambda client: client.call(
            "POST", path, params=waiting(wait), body=body, condition=condition, key=checked
        )
    )
    talk.show(done, partial(tables.changed, "restored"))
