"""Server-sent events, taken apart as they come."""

from collections.abc import AsyncGenerator, AsyncIterator

from sfm_cli.client import Document
from sfm_cli.failures import Failure
from sfm_core import jsontext
from sfm_core.errors import SfmError, Unavailable


async def events(pieces: AsyncIterator[bytes]) -> AsyncGenerator[tuple[str, Document]]:
    """Name and document of each event, in order.

    Raises:
        Failure: what comes is no event with a document.
    """
    held = b""
    async for piece in pieces:
        *blocks, held = (held + piece).split(b"\n\n")
        for block in blocks:
            if not block.startswith(b":"):  # a comment, which keeps the connection alive
                yield _event(block)


def _event(block: bytes) -> tuple[str, Document]:
    lines = [line.partition(b": ") for line in block.split(b"\n")]
    said = {name: value for name, _, value in lines}
    try:
        document = jsontext.loads(said[b"data"])
        name = said[b"event"].decode()
    except (KeyError, ValueError, SfmError) as error:
        raise Failure.of(Unavailable("the answer is no stream of events")) from error
    if not isinstance(document, dict):
        raise Failure.of(Unavailable("the answer is no stream of events"))
    return name, document
