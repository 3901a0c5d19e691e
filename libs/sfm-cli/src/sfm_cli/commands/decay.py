"""`soma decay`."""

import click

from sfm_cli import tables
from sfm_cli.options import Talk, talks
from sfm_cli.output import say, say_json


@click.command("decay")
@click.option("--dry-run", is_flag=True, help="Only tell what would happen.")
@talks
def command(talk: Talk, *, dry_run: bool) -> None:
    """Let expire, prune and decay what is due, as the server's settings say.

    Each line names the version to restore to undo it. One run does at most so much; when there
    is more, that is said on stderr.
    """
    body = {"dry_run": dry_run}
    found = talk.ask(lambda client: client.call("POST", "/decay:run", body=body), writes=True)
    if talk.as_json:
        say_json(found)
        return
    if found["effects"]:
        say(tables.effects(found))
    if found["over_limit"]:
        click.echo(f"{found['over_limit']} too many stay: all that is left is pinned", err=True)
    if not found["complete"]:
        click.echo("there is more: run it again", err=True)
