"""Hearing of the commits of one's own process."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, final

import anyio


class Ear(Protocol):
    """`sfm_core.log.following.Watch`, or one that hears nothing."""

    def reset(self) -> None:
        """From now on; what was heard before is looked at next."""
        ...

    async def wait(self, seconds: float) -> None:
        """Until something was written since the last `reset`, or so many seconds."""
        ...


type Listening = Callable[[], AbstractContextManager[Ear]]


@final
class Deaf:
    """Hears nothing."""

    def reset(self) -> None: ...

    async def wait(self, seconds: float) -> None:
        await anyio.sleep(seconds)
