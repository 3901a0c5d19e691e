"""`soma link`."""

from typing import Any

import click

from sfm_cli import tables
from sfm_cli.options import (
    NUMBER,
    CoordinateFirst,
    Talk,
    checked_key,
    coordinate_of,
    key_option,
    talks,
)
from sfm_cli.payload import said


@click.command("link", cls=CoordinateFirst)
@click.argument("origin", metavar="FROM")
@click.argument("target", metavar="TO")
@click.option("--type", metavar="TYPE", help="Several may join the same two. [related]")
@click.option("--weight", type=NUMBER, metavar="X", help="Above 0; more is nearer. [1]")
@key_option
@talks
def command(talk: Talk, *, origin: str, target: str, key: str | None, **given: Any) -> None:  # noqa: ANN401
    """Link the memory at FROM to the one at TO, or give their link another weight."""
    ends = {
        "from": coordinate_of(origin, "/from").numbers(),
        "to": coordinate_of(target, "/to").numbers(),
    }
    body, checked = ends | said(given), checked_key(key)
    linked = talk.ask(
        lambda client: client.call("PUT", "/links", body=body, key=checked), writes=True
    )
    talk.show(linked, tables.linked)
