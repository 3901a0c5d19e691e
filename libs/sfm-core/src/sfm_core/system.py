"""The public facade: one namespace's memory as an async object."""

from sfm_core.facade.finds import Finds
from sfm_core.facade.inputs import At
from sfm_core.facade.lifecycles import Lifecycles
from sfm_core.facade.links import Links
from sfm_core.facade.logs import Logs
from sfm_core.facade.memories import Memories
from sfm_core.facade.recalls import Recalls
from sfm_core.facade.transfers import Transfers
from sfm_core.facade.upkeep import Upkeeps

__all__ = ["At", "MemorySystem"]


class MemorySystem(Finds, Lifecycles, Links, Logs, Memories, Recalls, Transfers, Upkeeps):
    """Store and recall in one namespace.

    ```python
    async with create_memory_system(MemoryMode.EVENTED_ENTERPRISE, "demo", config) as memory:
        await memory.store((1, 2.5), {"note": "The kettle is broken"}, tags=["kitchen"])
        found = await memory.recall("what needs repair?")
    ```

    What it is given is judged by the same rules as a REST body, with the same faults. Optional
    fields of a memory are keyword arguments: `kind text importance tags session source
    occurred_at expires_at pinned`; times may be aware `datetime`s or RFC 3339 strings. Every
    write takes an `idempotency_key`: the same call again gives the first answer again.
    """
