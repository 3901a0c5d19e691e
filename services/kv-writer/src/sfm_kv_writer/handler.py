"""What the kv-writer does with events: those of others become memories, exactly once."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Final, final

import anyio

from sfm_core.errors import InvalidInput, SfmError, Unavailable
from sfm_core.model import Acceptance, Arrival, EmbedderInfo, LinkKey, PutLink, Unlink
from sfm_core.offload import INLINE_ITEMS, off_loop
from sfm_core.ports import Clock, Inbox, NoTelemetry, Telemetry
from sfm_events.ports import Delivered, Poison, Producer
from sfm_kv_writer.arrivals import arrival_of
from sfm_kv_writer.waiting import Wait

OWN: Final = "own"
"""Label of events that come from the log: their effect was there before they were."""
WAITING: Final = "waiting"
"""Label of links that were put back."""
LINK_WAIT_S: Final = 60.0
BUSY: Final = 100
"""With so many others in its batch a link is behind a backlog."""


@final
class KvWriter:
    """A `Handler`: foreign events go through the inbox, those of the log cost nothing.

    A batch is one transaction per namespace in it, in the order of the events. When one fails
    for good nothing of its namespace is written; what was of others is known when it comes again.
    A link whose ends are not there yet is published anew, and is done with that.
    """

    def __init__(
        self,
        *,
        inbox: Inbox,
        info: EmbedderInfo,
        producer: Producer,
        clock: Clock,
        link_wait_s: float = LINK_WAIT_S,
        telemetry: Telemetry | None = None,
    ) -> None:
        """`info`: of the embedder in use, by which embeddings that events bring are judged.

        `producer`: of the topic that the events are from; a link whose ends are not there is put
        back there for `link_wait_s`, and then refused.
        """
        self._inbox = inbox
        self._info = info
        self._producer = producer
        self._clock = clock
        self._link_wait_s = link_wait_s
        self._telemetry = telemetry or NoTelemetry()

    async def handle(self, events: Sequence[Delivered]) -> None:
        """As `Handler.handle`.

        Raises:
            Poison: some can never take effect; the reasons name the fields.
            Unavailable: the record store or the transport does not answer.
        """
        foreign = {i: one for i, one in enumerate(events) if not one.event.is_canonical}
        if own := len(events) - len(foreign):
            self._telemetry.count("inbox_events_total", own, acceptance=OWN)
        if not foreign:
            return
        arrivals = await off_loop(lambda: self._read(foreign), when=len(foreign) > INLINE_ITEMS)
        waits = {index: Wait.of(one.record) for index, one in foreign.items()}
        by_namespace: defaultdict[str, dict[int, Arrival]] = defaultdict(dict)
        for index, arrival in arrivals.items():
            by_namespace[foreign[index].event.namespace][index] = arrival
        if waiting := await self._accept_all(by_namespace, waits):
            await self._put_back(events, waiting, waits)

    async def _accept_all(
        self, by_namespace: Mapping[str, Mapping[int, Arrival]], waits: Mapping[int, Wait]
    ) -> Sequence[int]:
        """Each namespace by itself, so that one that is held by somebody does not stop the others.

        What was accepted of the others is known when the batch comes again. Gives the links that
        have to wait.
        """
        missed: Unavailable | None = None
        waiting: list[int] = []
        for namespace, arrivals in by_namespace.items():
            try:
                waiting += await self._accept(namespace, arrivals, waits)
            except Unavailable as error:
                if missed is not None:  # no namespace's own trouble: the store is away
                    raise
                missed = error
        if missed is not None:
            raise missed
        return sorted(waiting)

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

    async def _accept(
        self, namespace: str, arrivals: Mapping[int, Arrival], waits: Mapping[int, Wait]
    ) -> Collection[int]:
        """Links without an end are tried again behind all others; those that have to wait even so
        are given back, and nothing was done about them.
        """
        found = await self._tried(namespace, arrivals)
        if missing := _errors(found):
            found, arrivals = await self._links_last(namespace, arrivals, found)
            missing = _errors(found)
        if not missing:
            self._tell(found)
            return ()
        now = self._clock.now()
        over = {i: why for i, why in missing.items() if waits[i].is_over(now, self._link_wait_s)}
        if over:
            raise Poison("some events can never take effect", offenders=over)
        waiting = _with_followers(arrivals, missing)
        rest = {index: one for index, one in arrivals.items() if index not in waiting}
        done = await self._tried(namespace, rest) if rest else {}
        if _errors(done):
            raise Unavailable("what links join is coming and going")
        self._tell(done)
        return waiting

    async def _links_last(
        self,
        namespace: str,
        arrivals: Mapping[int, Arrival],
        found: Mapping[int, Acceptance],
    ) -> tuple[Mapping[int, Acceptance], Mapping[int, Arrival]]:
        late = _with_followers(arrivals, _errors(found))
        order = [*(index for index in arrivals if index not in late), *late]
        if order == list(arrivals):
            return found, arrivals
        moved = {index: arrivals[index] for index in order}
        return await self._tried(namespace, moved), moved

    async def _tried(
        self, namespace: str, arrivals: Mapping[int, Arrival]
    ) -> Mapping[int, Acceptance]:
        """Nothing is written when one is an error."""
        try:
            outcomes = await self._inbox.accept(
                namespace, list(arrivals.values()), now=self._clock.now()
            )
        except InvalidInput as error:
            alone = {index: _reason(error) for index in arrivals if len(arrivals) == 1}
            raise Poison(error.detail, offenders=alone) from error
        return dict(zip(arrivals, outcomes, strict=True))

    def _tell(self, found: Mapping[int, Acceptance]) -> None:
        for outcome in found.values():
            self._telemetry.count("inbox_events_total", acceptance=str(outcome))

    async def _put_back(
        self, events: Sequence[Delivered], waiting: Sequence[int], waits: Mapping[int, Wait]
    ) -> None:
        """To the end of their topic, each once, a little later: what else there is goes first.

        Where much else is in the batch nothing is waited for: a backlog is before them.
        """
        once = {events[index].event.event_id: index for index in reversed(waiting)}
        if len(events) - len(waiting) < BUSY:
            await anyio.sleep(min(waits[index].pause_s() for index in once.values()))
        now = self._clock.now()
        await self._producer.send(
            [waits[index].put_back(events[index].record, now) for index in sorted(once.values())]
        )
        self._telemetry.count("inbox_events_total", len(waiting), acceptance=WAITING)


def _errors(found: Mapping[int, Acceptance]) -> dict[int, str]:
    return {
        index: f"/link {outcome.detail}"
        for index, outcome in found.items()
        if isinstance(outcome, SfmError)
    }


def _with_followers(arrivals: Mapping[int, Arrival], some: Collection[int]) -> Sequence[int]:
    """These and what comes behind them about the same links, which must stay behind them."""
    found: list[int] = []
    keys: set[LinkKey] = set()
    for index, arrival in arrivals.items():
        if not isinstance(arrival.change, PutLink | Unlink):
            continue
        if index in some or arrival.change.key in keys:
            keys.add(arrival.change.key)
            found.append(index)
    return found


def _reason(error: InvalidInput) -> str:
    return "; ".join(f"{fault.path or '/'} {fault.message}" for fault in error.faults)
