"""`soma erase`."""

import sys

import click

from sfm_cli import tables
from sfm_cli.options import Talk, talks


@click.command("erase")
@click.option("--yes", is_flag=True, help="Do not ask.")
@talks
def command(talk: Talk, *, yes: bool) -> None:
    """Erase the namespace for good: memories, history, links, everything.

    Asks for the name of the namespace first; where nobody can answer, --yes is needed.
    """
    name = talk.target().namespace
    if not yes:
        _confirm(name)
    receipt = talk.ask(lambda client: client.call("DELETE", ""))
    talk.show(receipt, tables.erasure)


def _is_answered() -> bool:
    return sys.stdin.isatty()


def _confirm(name: str) -> None:
    if not _is_answered():
        raise click.UsageError(f"this erases {name} for good: say --yes")
    typed = click.prompt(f"This erases {name} for good. Type its name to go on", err=True)
    if typed != name:
        raise click.UsageError("that is not its name: nothing was erased")
