"""`soma rebuild`."""

import click

from sfm_cli.failures import ExitCode
from sfm_cli.options import Talk, talks
from sfm_cli.output import facts, say, say_json


@click.command("rebuild")
@click.argument("projection", type=click.Choice(["vectors", "slab", "lexical", "graph", "cache"]))
@talks
def command(talk: Talk, *, projection: str) -> None:
    """Build PROJECTION anew from the record store, and compare digests.

    Ends with 1 when it does not agree with the record store afterwards, which writes in between
    may cause as well: run it again.
    """
    body = {"projection": projection}
    done = talk.ask(lambda client: client.call("POST", "/rebuild", body=body))
    if talk.as_json:
        say_json(done)
    else:
        say(facts({name: "-" if value is None else value for name, value in done.items()}))
    if not done["sound"]:
        click.get_current_context().exit(ExitCode.FAILED)
