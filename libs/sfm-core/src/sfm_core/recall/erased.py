"""The views of this process, and the rows beside it, as something an erasure drops."""

from typing import final

from sfm_core.ports import Cache
from sfm_core.recall.views import Views


@final
class ErasableViews:
    """Implements `Projection`: slab, lexical index, columns and chains, on disk too."""

    def __init__(self, views: Views) -> None:
        self._views = views

    async def forget(self, namespace: str, *, position: int) -> int:
        """How many memories the view held; 0 when it was not in memory."""
        del position  # what is loaded anew is of the next generation
        entry = self._views.peek(namespace)
        rows = 0 if entry is None else entry.view.live
        await self._views.drop(namespace)
        return rows

    async def held(self, namespace: str) -> int:
        """Memories in memory, and files that could not be removed."""
        return await self._views.held(namespace)


@final
class ErasableCache:
    """Implements `Projection`: rows of hits that are held beside the record store."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    async def forget(self, namespace: str, *, position: int) -> int:
        return await self._cache.drop(namespace, position=position)

    async def held(self, namespace: str) -> int:
        """Nothing that was told of before the last `forget`: the cache fences that itself."""
        del namespace
        return 0
