"""`soma namespaces`."""

import click

from sfm_cli.client import Document
from sfm_cli.options import Talk, talks
from sfm_cli.output import plain


@click.command("namespaces")
@talks
def command(talk: Talk) -> None:
    """List the namespaces that hold anything and that the token may see."""
    talk.show(talk.ask(lambda client: client.namespaces()), _lines)


def _lines(found: Document) -> str:
    return "\n".join(plain(name).plain for name in found["namespaces"]) or "none yet"
