"""`soma remember`."""

from typing import Any

import click

from sfm_cli import tables
from sfm_cli.options import Talk, checked_key, key_option, memory_options, talks, wait_option
from sfm_cli.payload import memory_of


@click.command("remember")
@memory_options
@key_option
@wait_option
@talks
def command(talk: Talk, *, given: dict[str, Any], key: str | None, wait: str) -> None:
    """Store a memory; it finds its coordinate by itself, near memories like it.

    The same memory again is the same coordinate. PAYLOAD as in `soma store`.
    """
    memory, checked = memory_of(given), checked_key(key)
    stored = talk.ask(lambda client: client.remember(memory, key=checked, wait=wait), writes=True)
    talk.show(stored, tables.stored)
