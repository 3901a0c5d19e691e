"""`soma keyword-search`."""

import click

from sfm_cli import tables
from sfm_cli.options import Talk, talks
from sfm_cli.payload import json_option, said


@click.command("keyword-search")
@click.argument("term")
@click.option("--exact", is_flag=True, help="Only between no letters or digits.")
@click.option("--case-sensitive", is_flag=True, help="Only in this case; nothing alike.")
@click.option("-k", "--top-k", type=int, metavar="N", help="How many, at most 200. [50]")
@click.option("--kind", type=click.Choice(["episodic", "semantic"]))
@click.option("--filter", metavar="JSON", help='Like {"@source": "Ada"}.')
@talks
def command(talk: Talk, **given: object) -> None:
    """Find the memories whose text has TERM, or something like it, best first."""
    asked = said(given)
    if "filter" in asked:
        asked["filter"] = json_option(asked["filter"], "/filter")
    found = talk.ask(lambda client: client.call("POST", "/keyword-search", body=asked))
    talk.show(found, tables.keyword_hits)
