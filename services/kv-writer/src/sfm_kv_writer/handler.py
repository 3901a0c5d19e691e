"""What the kv-writer does with events: those of others become memories, exactly once."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final, final

from sfm_core.errors import InvalidInput, SfmError, Unavailable
from sfm_core.model import Arrival, EmbedderInfo
from sfm_core.offload import INLINE_ITEMS, off_loop
from sfm_core.ports import Clock, Inbox, NoTelemetry, Telemetry
from sfm_events.ports import Delivered, Poison
from sfm_kv_writer.arrivals import arrival_of

OWN: Final = "own"
"""Label of events that come from the log: their effect was there before they were."""


@final
class KvWriter:
    """A `Handler`: foreign events go through the inbox, those of the log cost nothing.

    A batch is one transaction per namespace in it, in the order of the events. When one fails
    for good nothing of its namespace is written; what was of others is known when it comes again.
    """

    def __init__(
        self,
        *,
        inbox: Inbox,
        info: EmbedderInfo,
        clock: Clock,
        telemetry: Telemetry | None = None,
    ) -> None:
        """`info`: of the embedder in use, by which embeddings that events bring are judged."""
        self._inbox = inbox
        self._info = info
        self._clock = clock
        self._telemetry = telemetry or NoTelemetry()

    async def handle(self, events: Sequence[Delivered]) -> None:
        """As `Handler.handle`.

        Raises:
            Poison: some can never take effect; the reasons name the fields.
            Unavailable: the record store does not answer.
        """
        foreign = {i: one for i, one in enumerate(events) if not one.event.is_canonical}
        if own := len(events) - len(foreign):
            self._telemetry.count("inbox_events_total", own, acceptance=OWN)
        if not foreign:
            return
        arrivals = await off_loop(lambda: self._read(foreign), when=len(foreign) > INLINE_ITEMS)
        by_namespace: defaultdict[str, dict[int, Arrival]] = defaultdict(dict)
        for index, arrival in arrivals.items():
            by_namespace[foreign[index].event.namespace][index] = arrival
        await self._accept_all(by_namespace)

    async def _accept_all(self, by_namespace: Mapping[str, Mapping[int, Arrival]]) -> None:
        """Each namespace by itself, so that one that is held by somebody does not stop the others.

        What was accepted of the others is known when the batch comes again.
        """
        missed: Unavailable | None = None
        for namespace, arrivals in by_namespace.items():
            try:
                await self._accept(namespace, arrivals)
            except Unavailable as error:
                if missed is not None:  # no namespace's own trouble: the store is away
                    raise
                missed = error
        if missed is not None:
            raise missed

    def _read(self, foreign: Mapping[int, Delivered]) -> dict[int, Arrival]:
        """Raises `Poison` that names every event that is none to be applied."""
        arrivals: dict[int, Arrival] = {}
        offenders: dict[int, str] = {}
        for index, delivered in foreign.items():
            try:
                arrivals[index] = arrival_of(delivered, self._info)
            except InvalidInput as error:
                offenders[index] = _reason(error)
        if offenders:
            raise Poison("some events can never take effect", offenders=offenders)
        return arrivals

    async def _accept(self, namespace: str, arrivals: Mapping[int, Arrival]) -> None:
        try:
            outcomes = await self._inbox.accept(
                namespace, list(arrivals.values()), now=self._clock.now()
            )
        except InvalidInput as error:
            alone = {index: _reason(error) for index in arrivals if len(arrivals) == 1}
            raise Poison(error.detail, offenders=alone) from error
        found = dict(zip(arrivals, outcomes, strict=True))
        if offenders := {
            index: f"/link {outcome.detail}"
            for index, outcome in found.items()
            if isinstance(outcome, SfmError)
        }:
            raise Poison("some events can never take effect", offenders=offenders)
        for outcome in outcomes:
            self._telemetry.count("inbox_events_total", acceptance=str(outcome))


def _reason(error: InvalidInput) -> str:
    return "; ".join(f"{fault.path or '/'} {fault.message}" for fault in error.faults)
