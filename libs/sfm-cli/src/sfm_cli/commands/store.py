"""`soma store`."""

from typing import Any

import click

from sfm_cli import tables
from sfm_cli.options import (
    CoordinateFirst,
    Talk,
    checked_key,
    condition_of,
    coordinate_argument,
    coordinate_of,
    key_option,
    memory_options,
    talks,
    version_option,
    wait_option,
)
from sfm_cli.payload import memory_of


@click.command("store", cls=CoordinateFirst)
@coordinate_argument
@memory_options
@version_option
@click.option("--if-absent", is_flag=True, help="Only when no memory is there.")
@key_option
@wait_option
@talks
def command(
    talk: Talk,
    *,
    coordinate: str,
    given: dict[str, Any],
    if_version: int | None,
    if_absent: bool,
    key: str | None,
    wait: str,
) -> None:
    """Store a memory at COORD (like 1,2.5,-3), over what is there.

    PAYLOAD is a JSON object, or words, which become {"text": words}; @FILE reads it from a
    file, - from stdin. Words that start with {, [ or @ go with --text.
    """
    condition = condition_of(if_version, if_absent=if_absent)
    at, memory, checked = coordinate_of(coordinate), memory_of(given), checked_key(key)
    stored = talk.ask(
        lambda client: client.store(at, memory, condition=condition, key=checked, wait=wait),
        writes=True,
    )
    talk.show(stored, tables.stored)
