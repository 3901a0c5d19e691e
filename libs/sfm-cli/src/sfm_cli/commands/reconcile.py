"""`soma reconcile`."""

import click

from sfm_cli import tables
from sfm_cli.client import Document
from sfm_cli.options import Talk, talks
from sfm_cli.output import say, say_json
from sfm_core.model import OF_A_NAMESPACE


@click.command("reconcile")
@click.option("--dry-run", is_flag=True, help="Only tell what would happen.")
@click.option(
    "--job",
    "jobs",
    multiple=True,
    type=click.Choice([job.value for job in OF_A_NAMESPACE]),
    help="Only this job; may be repeated. Default: all.",
)
@talks
def command(talk: Talk, *, dry_run: bool, jobs: tuple[str, ...]) -> None:
    """Do the reconciler's jobs in the namespace: upkeep, wal, parity.

    Each line is one effect on one memory. One run does at most so much; when there is more, that
    is said on stderr.
    """
    body: Document = {"dry_run": dry_run} | ({"jobs": list(jobs)} if jobs else {})
    found = talk.ask(lambda client: client.call("POST", "/reconcile:run", body=body), writes=True)
    if talk.as_json:
        say_json(found)
        return
    if any(job["effects"] for job in found["jobs"]):
        say(tables.repairs(found))
    if not found["complete"]:
        click.echo("there is more: run it again", err=True)
