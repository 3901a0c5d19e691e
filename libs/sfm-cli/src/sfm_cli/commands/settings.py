"""`soma settings`."""

import click

from sfm_cli.failures import told
from sfm_cli.output import plain, say, say_json, table
from sfm_cli.session import Session
from sfm_cli.settings import EverySetting
from sfm_core.runtime.settings import describe, load


@click.command("settings")
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects.")
@click.pass_obj
def command(session: Session, *, as_json: bool) -> None:
    """Print the effective settings and where each comes from; secrets are masked.

    They are environment variables; docs in the last column. A wrong one is named, with exit
    code 8.
    """
    with told(as_json=as_json):
        rows = describe(load(EverySetting, session.env), session.env)
    if as_json:
        say_json(
            {
                "settings": [
                    {"name": r.name, "value": r.value, "source": r.source, "doc": r.doc}
                    for r in rows
                ]
            }
        )
        return
    made = table("name", "value", "source", "meaning", rest="meaning")
    for row in rows:
        made.add_row(row.name, plain(row.value), row.source, row.doc)
    say(made)
