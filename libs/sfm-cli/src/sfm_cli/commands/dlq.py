"""`soma dlq`."""

from collections.abc import Awaitable, Callable

import click

from sfm_cli.client import Document
from sfm_cli.failures import told
from sfm_cli.output import say, say_json
from sfm_cli.session import Session, run
from sfm_cli.tables import dead_letters
from sfm_core.runtime.settings import load
from sfm_events.dlq import DeadLetter, DeadLetters
from sfm_events.kafka_settings import KafkaSettings

_SHOWN_BYTES = 4096


@click.group("dlq")
def command() -> None:
    """The events that could never take effect, and why; put them back once that is mended.

    Works on the Kafka of KAFKA_BOOTSTRAP_SERVERS, whatever server there is.
    """


def _asked(
    session: Session, as_json: bool, ask: Callable[[DeadLetters], Awaitable[Document]]
) -> Document:
    async def work() -> Document:
        async with session.letters(settings) as letters:
            return await ask(letters)

    with told(as_json=as_json):
        settings = load(KafkaSettings, session.env, require=["KAFKA_BOOTSTRAP_SERVERS"])
        return run(work)


@command.command("list")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, help="At most. [100]")
@click.option("--all", "everything", is_flag=True, help="Those too that were put back.")
@click.option("--json", "as_json", is_flag=True, help='Print {"dead_letters": [objects]}.')
@click.pass_obj
def list_(session: Session, *, limit: int, everything: bool, as_json: bool) -> None:
    """The letters that were not put back yet, the oldest first."""

    async def ask(letters: DeadLetters) -> Document:
        found = await letters.waiting(limit=limit, everything=everything)
        return {"dead_letters": [_shown(one) for one in found]}

    found = _asked(session, as_json, ask)
    if as_json:
        say_json(found)
    else:
        say(dead_letters(found))


@command.command("replay")
@click.option("--limit", type=click.IntRange(1), help="At most so many. [all]")
@click.option("--json", "as_json", is_flag=True, help='Print {"replayed": N}.')
@click.pass_obj
def replay(session: Session, *, limit: int | None, as_json: bool) -> None:
    """Put the letters back on their topic as they were, each once.

    What still cannot take effect comes back as a new letter; of those that come meanwhile none
    is put back. Stopped in between, the next run goes on behind the last.
    """

    async def ask(letters: DeadLetters) -> Document:
        return {"replayed": await letters.replay(limit=limit)}

    found = _asked(session, as_json, ask)
    if as_json:
        say_json(found)
    else:
        say(f"{found['replayed']} put back")


def _shown(one: DeadLetter) -> Document:
    value = one.record.value or b""
    return {
        "number": one.record.offset,
        "reason": one.reason,
        "topic": one.topic,
        "partition": one.partition,
        "offset": one.offset,
        "consumer": one.consumer,
        "at": one.at,
        "key": (one.record.key or b"").decode("utf-8", "replace"),
        "bytes": len(value),
        "value": value[:_SHOWN_BYTES].decode("utf-8", "replace"),
    }
