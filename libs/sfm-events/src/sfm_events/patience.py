"""What a consumer does while something it needs is away, and what it says of that."""

import logging
from typing import final

import anyio

from sfm_core.errors import SfmError
from sfm_core.ports import Telemetry
from sfm_events.backoff import Backoff
from sfm_events.health import READY, Health
from sfm_events.policy import LoopPolicy
from sfm_events.ports import Source

log = logging.getLogger(__name__)


@final
class Patience:
    """Waits as a living member of its group that takes no records."""

    def __init__(self, name: str, source: Source, policy: LoopPolicy, telemetry: Telemetry) -> None:
        self._name = name
        self._source = source
        self._policy = policy
        self._telemetry = telemetry
        self._backoff = Backoff(first_s=policy.first_backoff_s, most_s=policy.max_backoff_s)
        self.health = Health(ready=False, detail="not started")

    async def wait_out(self, error: SfmError, where: str, stopping: anyio.Event) -> None:
        """Wait before the next try, as a living member that takes nothing."""
        self.ill(error, where)
        until = anyio.current_time() + self._backoff.following()
        self._source.pause(self._source.owned())
        while not stopping.is_set() and (left := until - anyio.current_time()) > 0:
            await self.stay(min(left, self._policy.poll_s))
        self._source.resume(self._source.owned())

    async def stay(self, seconds: float) -> None:
        """Show the source that this member lives, and take nothing from it."""
        until = anyio.current_time() + seconds
        try:
            fetched = await self._source.fetch(limit=1, wait_s=seconds)
        except SfmError:
            await anyio.sleep_until(until)
            return
        for partition, records in fetched.items():  # of partitions that were just assigned
            self._source.pause([partition])
            self._source.rewind(partition, records[0].offset)

    async def stand_still(self, why: str, stopping: anyio.Event) -> None:
        log.critical("consumer.halted", extra={"consumer": self._name, "reason": why})
        self.health = Health(ready=False, detail=f"halted: {why}")
        while not stopping.is_set():
            self._source.pause(self._source.owned())
            await self.stay(self._policy.poll_s)

    def ill(self, error: SfmError, where: str) -> None:
        self.failed("outage")
        if self.health.ready:
            extra = {"consumer": self._name, "where": where, "detail": error.detail}
            log.warning("consumer.waiting", extra=extra)
        self.health = Health(ready=False, detail=f"{where}: {error.detail}")

    def well(self) -> None:
        self._backoff.reset()
        if not self.health.ready:
            log.info("consumer.recovered", extra={"consumer": self._name})
        self.health = READY

    def failed(self, reason: str) -> None:
        self._telemetry.count("consumer_failed_total", consumer=self._name, reason=reason)
