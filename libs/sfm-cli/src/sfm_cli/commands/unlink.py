"""`soma unlink`."""

import click

from sfm_cli.options import CoordinateFirst, Talk, checked_key, coordinate_of, key_option, talks
from sfm_cli.output import say


@click.command("unlink", cls=CoordinateFirst)
@click.argument("origin", metavar="FROM")
@click.argument("target", metavar="TO")
@click.option("--type", "kind", metavar="TYPE", help="[related]")
@key_option
@talks
def command(talk: Talk, *, origin: str, target: str, kind: str | None, key: str | None) -> None:
    """End the link from FROM to TO; again is fine. With --json nothing is printed."""
    begins, leads, checked = (
        coordinate_of(origin, "/from"),
        coordinate_of(target, "/to"),
        checked_key(key),
    )
    params = {"from": begins.text, "to": leads.text}
    if kind is not None:
        params["type"] = kind
    talk.ask(lambda client: client.call("DELETE", "/links", params=params, key=checked))
    if not talk.as_json:
        say(f"unlinked {begins.text} and {leads.text}")
