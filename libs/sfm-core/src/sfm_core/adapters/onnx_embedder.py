"""The embedder that knows meaning: an ONNX model on threads of its own, callers in turns."""

import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Final, Protocol, Self, final

import anyio
import anyio.lowlevel
import anyio.to_thread
import numpy as np

from sfm_core.adapters.embedder_statistics import EmbedderStatistics
from sfm_core.adapters.onnx_model import load_model
from sfm_core.adapters.turns import Turns
from sfm_core.errors import SfmError, Unavailable
from sfm_core.model import F32, EmbedderInfo
from sfm_core.ports import NoTelemetry, Telemetry

DEFAULT_MAX_WAITING: Final = 4096


class Encoder(Protocol):
    """A loaded model: `OnnxModel`."""

    @property
    def info(self) -> EmbedderInfo: ...

    def encode(self, text: str) -> F32:
        """The text's vector, shape (dim,), L2 norm 1. Blocking; called on several threads."""
        ...


@dataclass(eq=False, slots=True)
class _Call:
    """One `embed` in progress."""

    texts: tuple[str, ...]
    rows: F32
    begun: int = 0
    ended: int = 0
    error: BaseException | None = None
    done: anyio.Event = field(default_factory=anyio.Event)


@final
class OnnxEmbedder:
    """Embeds one text per run on as many threads as there are cores, sharing one model.

    - The same text gives the same bits whatever else is asked: texts are never padded together.
    - Callers take turns, text by text: a single query waits for at most one text of each other
      caller, never for the whole of someone's batch.
    - Texts beyond one window of the model are the mean of their windows, up to the folder's
      `max_windows`; what lies beyond is not embedded (`OnnxModel.encode`).
    - A caller that is cancelled takes its waiting texts with it.

    Made by `open` (or `serving`); used on the event loop that opened it.
    """

    def __init__(
        self, model: Encoder, *, threads: int, max_waiting: int, telemetry: Telemetry
    ) -> None:
        self._model = model
        self._info = model.info
        self._threads = threads
        self._limiter = anyio.CapacityLimiter(threads)
        self._max_waiting = max_waiting
        self._telemetry = telemetry
        self._turns: Turns[_Call] = Turns()
        self._arrived = anyio.Event()
        self._closed = False
        self._running = self._served = self._refused = 0

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        folder: Path,
        *,
        threads: int | None = None,
        max_waiting: int = DEFAULT_MAX_WAITING,
        telemetry: Telemetry | None = None,
    ) -> AsyncGenerator[Self]:
        """Load the folder on a thread and serve until the block ends.

        At the end new calls are refused, texts on a thread are finished, and calls that still
        have texts waiting fail with `Unavailable`. `threads` defaults to the usable cores.

        Raises:
            Misconfigured: the folder is not a model this can run; the file is named.
        """
        model = await anyio.to_thread.run_sync(load_model, folder)
        async with cls.serving(
            model, threads=threads, max_waiting=max_waiting, telemetry=telemetry
        ) as embedder:
            yield embedder

    @classmethod
    @asynccontextmanager
    async def serving(
        cls,
        model: Encoder,
        *,
        threads: int | None = None,
        max_waiting: int = DEFAULT_MAX_WAITING,
        telemetry: Telemetry | None = None,
    ) -> AsyncGenerator[Self]:
        """Serve with a model that is loaded already; for the rest as `open`."""
        embedder = cls(
            model,
            threads=threads or _usable_cores(),
            max_waiting=max_waiting,
            telemetry=telemetry or NoTelemetry(),
        )
        try:
            async with anyio.create_task_group() as tasks:
                for _ in range(embedder._threads):
                    tasks.start_soon(embedder._work)
                try:
                    yield embedder
                finally:
                    embedder._close()
        except BaseExceptionGroup as group:
            if len(group.exceptions) > 1:
                raise
            raise group.exceptions[0] from None  # the block's own error, as it was raised

    @property
    def info(self) -> EmbedderInfo:
        return self._info

    def statistics(self) -> EmbedderStatistics:
        return EmbedderStatistics(
            waiting=self._turns.waiting,
            running=self._running,
            served=self._served,
            refused=self._refused,
            threads=self._threads,
        )

    async def embed(self, texts: Sequence[str]) -> F32:
        """As the port says.

        A call of any size is accepted while nobody waits; behind others, only up to
        `max_waiting` texts in all.

        Raises:
            Unavailable: too many texts wait already, or the embedder is closed.
        """
        if self._closed:
            raise Unavailable("the embedder is closed")
        call = _Call(tuple(texts), np.empty((len(texts), self._info.dim), dtype=np.float32))
        if not call.texts:
            await anyio.lowlevel.checkpoint()
            return call.rows
        waiting = self._turns.waiting
        if waiting and waiting + len(call.texts) > self._max_waiting:
            self._refused += 1
            raise Unavailable("too many texts wait to be embedded", waiting=waiting)
        self._telemetry.observe("embedder_batch_texts", len(call.texts))
        self._turns.join(call, len(call.texts))
        self._wake()
        try:
            await call.done.wait()
        finally:
            self._turns.leave(call)
        if call.error is not None:
            raise call.error
        return call.rows

    async def _work(self) -> None:
        """Take turns' texts to a thread, one after the other, until closed."""
        while True:
            call = self._turns.take()
            if call is not None:
                await self._serve(call)
            elif self._closed:
                return
            else:
                await self._arrived.wait()

    async def _serve(self, call: _Call) -> None:
        at, call.begun = call.begun, call.begun + 1
        self._running += 1
        started, outcome = perf_counter(), "crash"
        try:
            call.rows[at] = await anyio.to_thread.run_sync(
                self._model.encode, call.texts[at], limiter=self._limiter
            )
        except Exception as error:  # noqa: BLE001 - handed to the waiting caller
            outcome = error.kind if isinstance(error, SfmError) else outcome
            self._fail(call, error)
        except BaseException:  # cancelled: who waits is told, and it goes on
            self._fail(call, Unavailable("the embedder was stopped"))
            raise
        else:
            outcome = "ok"
            self._served += 1
            call.ended += 1
            if call.ended == len(call.texts):
                call.done.set()
        finally:
            self._running -= 1
            took = perf_counter() - started
            self._telemetry.observe("embedder_duration_seconds", took, outcome=outcome)

    def _fail(self, call: _Call, error: BaseException) -> None:
        self._turns.leave(call)
        call.error = call.error or error
        call.done.set()

    def _wake(self) -> None:
        self._arrived.set()
        self._arrived = anyio.Event()

    def _close(self) -> None:
        self._closed = True
        for call in self._turns.callers():
            self._fail(call, Unavailable("the embedder is closed"))
        self._wake()


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
