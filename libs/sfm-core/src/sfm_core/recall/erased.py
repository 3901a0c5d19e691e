"""The views of this process, as something an erasure drops."""

from typing import final

from sfm_core.recall.views import Views


@final
class ErasableViews:
    """Implements `Projection`: slab, lexical index, columns and chains, on disk too."""

    def __init__(self, views: Views) -> None:
        self._views = views

    async def forget(self, namespace: str) -> int:
        """How many memories the view held; 0 when it was not in memory."""
        entry = self._views.peek(namespace)
        rows = 0 if entry is None else entry.view.live
        await self._views.drop(namespace)
        return rows

    async def held(self, namespace: str) -> int:
        entry = self._views.peek(namespace)
        return 0 if entry is None else entry.view.live
