"""Sending batches so that a repeat does no harm: keyed, patient, split when refused whole."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import anyio

from sfm_cli.bulk_lines import Batch, Line, key_of
from sfm_cli.client import BulkReply, Client, Document
from sfm_cli.failures import ExitCode, Failure
from sfm_core.errors import ErrorKind

ATTEMPTS: Final = 8
_FIRST_PAUSE_S: Final = 0.25
_LONGEST_PAUSE_S: Final = 30.0
_SPLITTABLE: Final = frozenset({ErrorKind.INVALID, ErrorKind.MALFORMED, ErrorKind.TOO_LARGE})


@dataclass(slots=True)
class Tally:
    """What has become of the lines so far."""

    lines: int = 0
    """Not counting blank ones."""
    created: int = 0
    over: int = 0
    """Stored over what was there, or known already."""
    replayed: int = 0
    """Of these two, the ones an earlier run had stored."""
    failed: int = 0

    @property
    def stored(self) -> int:
        return self.created + self.over

    def count(self, result: Document, *, replayed: bool) -> None:
        self.lines += 1
        if "error" in result:
            self.failed += 1
            return
        self.replayed += replayed
        if result["created"]:
            self.created += 1
        else:
            self.over += 1


@final
class Sender:
    """Stores batches one after the other: later lines win over earlier ones, as in the input."""

    def __init__(
        self,
        client: Client,
        namespace: str,
        *,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._sleep = sleep
        self.tally = Tally()

    async def send(self, batch: Batch) -> AsyncIterator[Document]:
        """A result per line, in order: `{line, status, …}` with the stored memory or `error`.

        Raises:
            Failure: the batch was refused for a reason that is not in its lines, or is not to
                be had for long; nothing more of it is counted.
        """
        found = {n: _refusal(failure) for n, failure in batch.refused}
        for number, result, replayed in await self._stored(batch.lines):
            found[number] = result
            self.tally.count(result, replayed=replayed)
        for _ in batch.refused:
            self.tally.lines += 1
            self.tally.failed += 1
        for number in sorted(found):
            yield {"line": number} | found[number]

    async def _stored(self, lines: Sequence[Line]) -> list[tuple[int, Document, bool]]:
        if not lines:
            return []
        try:
            reply = await self._patiently(lines)
        except Failure as failure:
            if failure.kind not in _SPLITTABLE:
                raise
            if len(lines) == 1:
                return [(lines[0].number, _refusal(failure), False)]
            half = len(lines) // 2
            return await self._stored(lines[:half]) + await self._stored(lines[half:])
        results = zip(lines, reply.document["results"], strict=True)
        return [(line.number, _of_line(result), reply.replayed) for line, result in results]

    async def _patiently(self, lines: Sequence[Line]) -> BulkReply:
        """The reply, waited for through outages: the key makes a repeat harmless."""
        key, raw = key_of(self._namespace, lines), [line.raw for line in lines]
        pause_s = _FIRST_PAUSE_S
        for _ in range(ATTEMPTS - 1):
            try:
                return await self._client.store_bulk(raw, key=key)
            except Failure as failure:
                if failure.code is not ExitCode.UNAVAILABLE and failure.kind != ErrorKind.CONFLICT:
                    raise
                await self._sleep(min(failure.retry_after_s or pause_s, _LONGEST_PAUSE_S))
                pause_s *= 2
        return await self._client.store_bulk(raw, key=key)


def _refusal(failure: Failure) -> Document:
    return {"status": failure.document.get("status"), "error": _bare(failure.document)}


def _of_line(result: Document) -> Document:
    """The item's result, with paths from the line's own root and without its place in a batch."""
    shown = {name: value for name, value in result.items() if name != "index" or value == "done"}
    if "error" in shown:
        shown["error"] = _bare(shown["error"])
    else:
        shown.pop("index", None)
    return shown


def _bare(problem: Document) -> Document:
    """A problem document about one line: `/items/7/kind` is `/kind` there."""
    if "errors" not in problem:
        return problem
    return problem | {"errors": [_from_root(fault) for fault in problem["errors"]]}


def _from_root(fault: dict[str, Any]) -> dict[str, Any]:
    parts = str(fault["path"]).split("/", 3)
    if len(parts) > 2 and parts[1] == "items":
        return fault | {"path": f"/{parts[3]}" if len(parts) > 3 else ""}
    return fault
