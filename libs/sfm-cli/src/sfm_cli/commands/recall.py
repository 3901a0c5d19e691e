"""`soma recall`."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial

import click

from sfm_cli import tables
from sfm_cli.client import Client, Document
from sfm_cli.event_lines import events
from sfm_cli.failures import Failure
from sfm_cli.options import NUMBER, Talk, coordinate_of, talks
from sfm_cli.output import say, say_json
from sfm_cli.payload import json_option, said
from sfm_core.errors import Unavailable
from sfm_core.unjudged import unjudged


@click.command("recall")
@click.argument("query")
@click.option("-k", "--top-k", type=int, metavar="N", help="How many, at most 200. [5]")
@click.option("--mode", type=click.Choice(["hybrid", "vector", "keyword"]))
@click.option("--kind", type=click.Choice(["episodic", "semantic"]))
@click.option("--filter", metavar="JSON", help='Like {"@source": "Ada"}.')
@click.option("--since", metavar="TIME", help="Like 2026-05-01T12:00:00Z.")
@click.option("--until", metavar="TIME")
@click.option("--box", metavar="MIN:MAX", help="Only inside; like 0,0:10,10.")
@click.option("--min-score", type=NUMBER, metavar="X", help="In [0, 1].")
@click.option("--min-similarity", type=NUMBER, metavar="X", help="Of the raw cosine.")
@click.option("--min-position", type=int, metavar="N", help="Wait until that write is seen.")
@click.option("--weights", metavar="JSON", help='Like {"vector": 1, "keyword": 0.5}.')
@click.option("--graph-hops", type=int, metavar="N", help="Follow links so far, at most 3. [0]")
@click.option("--explain", is_flag=True, help="Show what each score is the sum of.")
@click.option(
    "--context",
    multiple=True,
    metavar="TEXT",
    help="A recent turn that QUERY stands in; may be repeated, oldest first.",
)
@click.option(
    "--explain-for",
    multiple=True,
    metavar="COORD",
    help="Say the rank of the memory there, or why it is no hit; may be repeated.",
)
@click.option(
    "--include", multiple=True, metavar="PART", help="payload, text, snippet, links; repeat."
)
@click.option(
    "--budget-tokens", type=int, metavar="N", help="Bound on what the hits include, estimated."
)
@click.option("--stream", is_flag=True, help="Show each hit as it comes; with --json a line each.")
@talks
def command(talk: Talk, *, stream: bool, **given: object) -> None:
    """Find the memories that matter for QUERY, best first."""
    asked = _body(given)
    if not talk.as_json:
        asked.setdefault("include", ["payload", "text"])
    if stream:
        talk.ask(lambda client: _streamed(talk, client, asked, explained=bool(given["explain"])))
        return
    found = talk.ask(lambda client: client.recall(asked))
    talk.show(found, partial(tables.hits, explained=bool(given["explain"])))


async def _streamed(talk: Talk, client: Client, asked: Document, *, explained: bool) -> Document:
    """Print each hit as it comes, then what the answer says beside them, which is given back."""

    async def body() -> AsyncIterator[bytes]:
        yield unjudged(asked)

    found = False
    answer = client.stream(
        "POST", "/recall", content=body(), media="application/json", accept="text/event-stream"
    )
    async with answer as pieces, aclosing(events(pieces)) as said:
        async for name, document in said:
            if name == "error":
                raise Failure(document)
            if talk.as_json:
                say_json(document)
            elif name == "hit":
                say(tables.one_hit(document, explained=explained))
            else:
                say(tables.beside_hits(document, found=found))
            found = found or name == "hit"
            if name == "done":
                return document
    raise Failure.of(Unavailable("the answer ended before it was whole"))


def _body(given: dict[str, object]) -> Document:
    body = said(given)
    for name in ("filter", "weights"):
        if name in body:
            body[name] = json_option(body[name], f"/{name}")
    if "explain_for" in body:
        places = enumerate(body["explain_for"])
        body["explain_for"] = [
            coordinate_of(place, f"/explain_for/{i}").numbers() for i, place in places
        ]
    if "box" in body:
        body["box"] = _box(body["box"])
    return body


def _box(text: str) -> Document:
    low, colon, high = text.partition(":")
    if not colon:
        raise click.UsageError("--box is two corners, like 0,0:10,10")
    return {
        "min": coordinate_of(low, "/box/min").numbers(),
        "max": coordinate_of(high, "/box/max").numbers(),
    }
