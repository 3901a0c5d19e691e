"""Rounds over every namespace that may have something to mend."""

import logging
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Final, final

import anyio

from sfm_core.errors import Conflict, SfmError
from sfm_core.model import JobName, JobReport
from sfm_core.ports import ChangeFeed, JobLocks, Ledger
from sfm_core.reconcile.parity import Parity

_LOG: Final = logging.getLogger(__name__)

WHOLE_S: Final = 30.0
"""How often every namespace is looked at, also those nobody wrote to: the index may have lost
what it held."""
FREE_S: Final = 0.5
"""What a look may take without a rest after it: the interval of the rounds is enough."""
REST: Final = 20.0
"""What takes longer, a namespace or all of them, is left alone so many times as long."""
REST_WITHOUT_INDEX: Final = 100.0
"""The same where there is no index: then only what was never embedded is found."""
VIEWS_S: Final = 300.0
"""How often the view of a namespace is compared: it takes the interpreter from recalls."""
AT_ONCE: Final = 10_000
"""Repairs of one look: no caller waits for it, and an index that was lost is filled this way."""
LOOK_S: Final = 900.0
"""Longest look at one namespace; the others wait for it."""
_ENOUGH: Final = 3
"""Namespaces in a row that fail: then it is not for one's sake."""


@final
class ParityRounds:
    """Audits the namespaces that changed since they were last found sound; now and then all.

    What changed is asked of the record store by state, so a transaction that ends late is not
    missed. A namespace that fails stays on the list, behind the others.
    """

    def __init__(
        self,
        *,
        parity: Parity,
        ledger: Ledger,
        feed: ChangeFeed,
        locks: JobLocks,
        whole_s: float = WHOLE_S,
        rest: float = REST,
        only_whole: bool = False,
        time: Callable[[], float] = monotonic,
    ) -> None:
        """`only_whole`: do not look at what changed in between."""
        self._parity = parity
        self._ledger = ledger
        self._feed = feed
        self._locks = locks
        self._whole_s = whole_s
        self._rest = rest
        self._only_whole = only_whole
        self._time = time
        self._spent_s = 0.0
        self._token: int | None = None
        self._whole_at = 0.0
        self._waiting: dict[str, None] = {}
        """Those to be looked at, the longest on the list first."""
        self._not_before: dict[str, float] = {}
        self._viewed_at: dict[str, float] = {}

    async def round(self) -> Mapping[str, int]:
        """Look at each namespace on the list once; how much was mended, by kind.

        Raises:
            Unavailable: the record store does not answer.
            Exception: several in a row failed of it: the rest of the list is for the next round.
        """
        now = self._time()
        is_whole = await self._list()
        self._spent_s = 0.0
        counts = await self._looked(now)
        if is_whole:
            self._whole_at = max(self._whole_at, now + self._rest_s(self._spent_s))
        return counts

    async def _looked(self, now: float) -> Mapping[str, int]:
        counts: dict[str, int] = {}
        failures = 0
        for namespace in [n for n in self._waiting if self._not_before.get(n, now) <= now]:
            del self._waiting[namespace]
            try:
                report = await self._audited(namespace)
                failures = 0
            except Conflict:
                self._waiting[namespace] = None
                continue
            except Exception as error:  # one namespace's fault is not the others'
                self._waiting[namespace] = None
                _told(namespace, error)
                failures += 1
                if failures == _ENOUGH:
                    raise
                continue
            if report is None or report.effects or not report.complete:
                self._waiting[namespace] = None  # sound is what a look found sound
            for kind, number in ({} if report is None else report.counts).items():
                counts[kind] = counts.get(kind, 0) + number
        return counts

    async def _list(self) -> bool:
        """Put down what may have to be mended; whether that is all there is."""
        token, now = await self._feed.token(), self._time()
        is_whole = self._token is None or now >= self._whole_at
        if self._token is None or is_whole:
            names = await self._ledger.spaces()
            self._whole_at = now + self._whole_s
            for noted in (self._not_before, self._viewed_at):
                for gone in noted.keys() - set(names):
                    del noted[gone]
        elif self._only_whole:
            names = []
        else:
            names = sorted(await self._ledger.changed(self._token))
        self._token = token
        for name in names:
            self._waiting.setdefault(name)
        return is_whole

    async def _audited(self, namespace: str) -> JobReport | None:
        """None: another process does it."""
        begun = self._time()
        views = begun - self._viewed_at.get(namespace, -VIEWS_S) >= VIEWS_S
        async with self._locks.held(namespace, JobName.PARITY) as is_ours:
            if not is_ours:
                return None
            with anyio.fail_after(LOOK_S):
                report = await self._parity.run(namespace, views=views, limit=AT_ONCE)
        if views:
            self._viewed_at[namespace] = begun
        took = max(0.0, self._time() - begun - report.waited_s)
        self._spent_s += took
        # what is not whole yet goes on at once
        rest_s = self._rest_s(took) if report.complete else 0.0
        self._not_before[namespace] = begun + rest_s
        return report

    def _rest_s(self, took: float) -> float:
        return max(0.0, took - FREE_S) * self._rest


def _told(namespace: str, error: Exception) -> None:
    if isinstance(error, SfmError):
        extra = {"namespace": namespace, "kind": error.kind.value, "detail": error.detail}
        _LOG.warning("parity.failed", extra=extra)
        return
    extra = {"namespace": namespace, "kind": "internal", "detail": type(error).__name__}
    _LOG.error("parity.failed", extra=extra, exc_info=error)
