"""A namespace as it was at one place of its log, line by line."""

import base64
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final, final

import numpy as np

from sfm_core import encode, jsontext
from sfm_core.decode.transfers import FORMAT, LineKind
from sfm_core.errors import Conflict
from sfm_core.model import F32, Archived, Cut, EmbedderInfo, Link
from sfm_core.offload import off_loop
from sfm_core.ports import Archive, Clock, Embedder
from sfm_core.transfer.seal import Seal

_VECTOR: Final = np.dtype("<f4")


@final
class Exports:
    """Writes namespaces out.

    An export holds one page of the log at a time and no transaction; who reads slowly holds
    nobody up. It is of one moment: every event up to the position of its header and none behind.
    """

    def __init__(self, *, archive: Archive, embedder: Embedder, clock: Clock) -> None:
        self._archive = archive
        self._embedder = embedder
        self._clock = clock

    async def lines(
        self, namespace: str, *, history: bool = False, vectors: bool = False
    ) -> AsyncGenerator[bytes]:
        """NDJSON in pieces of whole lines: a header, what there is by position, links, an end.

        With `history` every version of every memory, deleted ones too; with `vectors` those of
        the embedder in use. An export that fails has no end line.

        Raises:
            Conflict: the namespace was erased meanwhile.
            Unavailable: the store does not answer.
        """
        cut = await self._archive.cut(namespace)
        info = self._embedder.info
        written = _Written()
        header = _header(namespace, cut, info, self._clock.now(), history, vectors)
        yield written.lines([header])
        revision = info.model_revision if vectors else None
        pages = self._archive.scan(namespace, cut, history=history, model_revision=revision)
        async for page in pages:
            yield await off_loop(partial(written.page, page, history), when=len(page) > 1)
        async for links in self._archive.links(namespace, cut):
            yield written.links(links)
        if await self._archive.generation(namespace) != cut.generation:
            raise Conflict("the namespace was erased while it was exported")
        yield written.end()


@final
class _Written:
    """What was written so far: its seal, and how many lines of each kind."""

    def __init__(self) -> None:
        self._seal = Seal()
        self._counts = {"memories": 0, "versions": 0, "samples": 0, "links": 0}

    def page(self, page: Sequence[Archived], history: bool) -> bytes:
        documents = []
        for one in page:
            kind, document = _line(one, history=history)
            self._counts[kind] += 1
            documents.append(document)
        return self.lines(documents)

    def links(self, links: Sequence[Link]) -> bytes:
        """Behind the memories: both ends must be there."""
        self._counts["links"] += len(links)
        return self.lines([_link(link) for link in links])

    def lines(self, documents: Sequence[Mapping[str, object]]) -> bytes:
        lines = [jsontext.dumps(document) for document in documents]
        for line in lines:
            self._seal.add(line)
        return b"".join(line + b"\n" for line in lines)

    def end(self) -> bytes:
        document = {
            "sfm": LineKind.END,
            "lines": self._seal.lines,
            **self._counts,
            "digest": self._seal.digest(),
        }
        return jsontext.dumps(document) + b"\n"


def _header(
    namespace: str, cut: Cut, info: EmbedderInfo, at: datetime, history: bool, vectors: bool
) -> encode.Document:
    return {
        "sfm": LineKind.EXPORT,
        "format": FORMAT,
        "namespace": namespace,
        "position": cut.position,
        "at": encode.instant(at),
        "model_revision": info.model_revision,
        "dim": info.dim,
        "history": history,
        "vectors": vectors,
    }


def _line(one: Archived, *, history: bool) -> tuple[str, encode.Document]:
    place: encode.Document = {"coordinate": one.coordinate.numbers(), "version": one.version}
    if one.type is None or one.at is None:
        sample = {"sfm": LineKind.SAMPLE} | place | {"importance": one.importance}
        return "samples", sample
    document: encode.Document = {"sfm": LineKind.VERSION if history else LineKind.MEMORY} | place
    if history:
        document |= {"event": one.type.value, "latest": one.latest}
    if one.memory is not None:
        document["created_at"] = encode.instant(one.memory.created_at)
    document["updated_at"] = encode.instant(one.at)
    if one.memory is not None:
        document |= encode.draft(one.memory.draft)
    if one.vector is not None:
        document["vector"] = _base64(one.vector)
    return "versions" if history else "memories", document


def _link(link: Link) -> encode.Document:
    return {
        "sfm": LineKind.LINK,
        "from": link.key.origin.numbers(),
        "to": link.key.target.numbers(),
        "type": link.key.type,
        "weight": link.weight,
        "updated_at": encode.instant(link.updated_at),
    }


def _base64(vector: F32) -> str:
    return base64.b64encode(np.ascontiguousarray(vector, dtype=_VECTOR).tobytes()).decode()
