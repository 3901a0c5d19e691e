"""Writing dead letters, of records of any size."""

import logging
from collections.abc import Sequence

from sfm_core.errors import TooLarge
from sfm_core.offload import off_loop
from sfm_events.dead_letters import cut, said_in
from sfm_events.ports import Message, Producer

log = logging.getLogger(__name__)


async def write_letters(producer: Producer, letters: Sequence[Message]) -> None:
    """Write all, in order; those that the topic does not take whole are cut short.

    A topic's limit is for what is compressed: a record can pass it, and its letter not.

    Raises:
        Unavailable: some may be written; writing them again repeats those.
        InvalidInput: one is refused, cut short as well.
    """
    try:
        await producer.send(letters)
    except TooLarge:
        if len(letters) > 1:
            for letter in letters:
                await write_letters(producer, [letter])
            return
    else:
        return
    short = await off_loop(lambda: cut(letters[0]), when=True)
    said = said_in(short.headers)
    names = ("topic", "partition", "offset", "bytes")
    log.error("consumer.letter_cut", extra={name: said.get(name) for name in names})
    await producer.send([short])
