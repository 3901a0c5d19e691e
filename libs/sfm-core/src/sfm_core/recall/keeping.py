"""Views put aside on disk: taken back when they are sound, renewed when much has changed."""

import logging
from dataclasses import dataclass
from typing import Final, final

import anyio
import anyio.to_thread

from sfm_core.errors import Corrupt, SfmError
from sfm_core.lexical.analysis import Analyzer
from sfm_core.model import EmbedderInfo
from sfm_core.model.saved import SavedView
from sfm_core.ports import LogIdentity, NoTelemetry, Telemetry, ViewFiles
from sfm_core.recall.saved_views import FORMAT, fingerprint, restored, saved
from sfm_core.recall.view import Snapshot, View

_LOG: Final = logging.getLogger(__name__)
MIN_ROWS: Final = 200
"""A smaller view is read from the store as fast."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A view that was taken back, in step with the store as of `token`."""

    view: View
    token: int


@final
class Keeper:
    """Puts views aside and takes them back.

    What is taken back was saved under the same format, product version, model revision,
    analyzer, database and generation of the namespace; it has caught up with the change feed;
    and it then holds just the memories and versions that the store holds (`Fingerprint`). If
    any of this fails, it is not used: the caller reads the store, and a log line says why.
    """

    def __init__(
        self,
        files: ViewFiles,
        log: LogIdentity,
        *,
        embedder: EmbedderInfo,
        analyzer: Analyzer,
        version: str,
        telemetry: Telemetry | None = None,
    ) -> None:
        self.files = files
        self._log = log
        self._embedder = embedder
        self._analyzer = analyzer
        self._version = version
        self._telemetry = telemetry or NoTelemetry()

    async def stamp(self, namespace: str) -> str:
        """Under which a view that is loaded from now on is put aside, and taken back.

        Raises:
            Unavailable: the store does not answer.
        """
        log = await self._log.identity(namespace)
        facts = (FORMAT, self._version, namespace, self._embedder.model_revision,
                 self._embedder.dim, self._analyzer.revision, log)  # fmt: skip
        return "|".join(map(str, facts))

    async def take_back(self, namespace: str, stamp: str) -> Kept | None:
        """The view that was put aside, caught up; None: there is none that is sound.

        Raises:
            Unavailable: the store does not answer.
        """
        held = await self.files.load(namespace, stamp=stamp)
        if held is None:
            return None
        try:
            kept = await self._caught_up(namespace, held)
        except Corrupt as error:
            facts = {"namespace": namespace, "reason": error.detail}
            _LOG.warning("snapshot.refused", extra=facts)
            await self.files.drop(namespace)
            self._count("refused")
            return None
        self._count("restored")
        return kept

    async def put_aside(
        self, namespace: str, snapshot: Snapshot, *, token: int, stamp: str
    ) -> bool:
        """Save a view as it was at `snapshot`; all changes from before `token` are in it.

        `stamp` is that of when it was loaded: if it is another one by now (an erase), nothing is
        saved. An outage of the store leaves the one before in place.
        """
        if snapshot.rows < MIN_ROWS:
            return False
        try:
            if await self.stamp(namespace) != stamp:
                return False
        except SfmError:
            return False
        held = await anyio.to_thread.run_sync(lambda: saved(snapshot, token=token))
        done = await self.files.save(namespace, held, stamp=stamp)
        self._count("saved" if done else "not_saved")
        return done

    async def _caught_up(self, namespace: str, held: SavedView) -> Kept:
        view = await anyio.to_thread.run_sync(
            lambda: restored(namespace, held, dim=self._embedder.dim, analyzer=self._analyzer)
        )
        missed = await self._log.caught_up(
            namespace, held.token, model_revision=self._embedder.model_revision
        )
        await anyio.to_thread.run_sync(view.apply, missed.rows)
        found = await anyio.to_thread.run_sync(fingerprint, view)
        if found != missed.fingerprint:
            raise Corrupt("it holds other memories than the store")
        return Kept(view, missed.token)

    def _count(self, outcome: str) -> None:
        self._telemetry.count("view_snapshots_total", event=outcome)
