"""Whether the view of a namespace in this process is as the record store."""

from typing import Final, final

import anyio.to_thread
import numpy as np

from sfm_core.digesting import digest_of, version_share
from sfm_core.model import Digest
from sfm_core.ports import ChangeFeed, Ledger
from sfm_core.recall.digests import graph_digest, stored_graph_digest
from sfm_core.recall.view import Snapshot
from sfm_core.recall.views import Views

_NO_SAMPLES: Final = 1


@final
class Slabs:
    """Compares what a loaded view has vectors of, and its links, with what the record store has."""

    def __init__(
        self, *, views: Views, feed: ChangeFeed, ledger: Ledger, model_revision: str
    ) -> None:
        self._views = views
        self._feed = feed
        self._ledger = ledger
        self._revision = model_revision

    async def differs(self, namespace: str) -> bool:
        """Only certain when asked twice with some time between: a write may have just passed.

        False also when no view is loaded, or its namespace is being written to: then nothing can
        be said.
        """
        entry = self._views.peek(namespace)
        if entry is None:
            return False
        before = await self._position(namespace)
        snapshot = await entry.snapshot()
        if snapshot.position != before:
            return False
        held = await anyio.to_thread.run_sync(_digest, snapshot)
        truth = (await self._ledger.sums(namespace, model_revision=self._revision)).versions
        same = held == truth and await self._same_links(namespace, snapshot)
        return not same and await self._position(namespace) == before

    async def reload(self, namespace: str) -> None:
        """Drop the view; the next recall loads it from the record store."""
        await self._views.drop(namespace)

    async def _same_links(self, namespace: str, snapshot: Snapshot) -> bool:
        held = await anyio.to_thread.run_sync(graph_digest, snapshot)
        return held == await stored_graph_digest(self._feed, namespace)

    async def _position(self, namespace: str) -> int:
        _, position = await self._feed.samples(namespace, limit=_NO_SAMPLES)
        return position


def _digest(snapshot: Snapshot) -> Digest:
    rows = np.flatnonzero(snapshot.alive & snapshot.embedded).tolist()
    versions = snapshot.versions
    return digest_of(version_share(snapshot.ids[row], int(versions[row])) for row in rows)
