"""Consumers in the traces of the requests that wrote what they handle."""

from collections.abc import Sequence
from typing import final

from sfm_core.runtime.tracing import Tracing
from sfm_events.ports import Delivered, Handler
from sfm_events.posting import TRACE_HEADER


@final
class Traced:
    """A `Handler` that shows what another one does, in every trace that has part in a batch."""

    def __init__(self, handler: Handler, tracing: Tracing, *, name: str) -> None:
        """`name`: of the spans."""
        self._handler = handler
        self._tracing = tracing
        self._name = name

    async def handle(self, events: Sequence[Delivered]) -> None:
        parents = {
            value.decode("ascii", "replace"): None
            for delivered in events
            for header, value in delivered.record.headers
            if header == TRACE_HEADER
        }
        with self._tracing.handling(self._name, list(parents)):
            await self._handler.handle(events)
