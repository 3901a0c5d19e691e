"""What a process rests on, and readiness that is asked once for many probes."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, final

import anyio

MAX_AGE_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """One thing the process rests on, as `/readyz` reports it."""

    name: str
    ok: bool
    required: bool
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    dependencies: Sequence[Dependency]

    @property
    def ready(self) -> bool:
        return all(one.ok for one in self.dependencies if one.required)


@final
class Cached[T]:
    """The answer of `ask`, at most `max_age_s` old; one asks, others wait for its answer."""

    def __init__(self, ask: Callable[[], Awaitable[T]], *, max_age_s: float = MAX_AGE_S) -> None:
        self._ask = ask
        self._max_age_s = max_age_s
        self._lock = anyio.Lock()
        self._known: tuple[float, T] | None = None

    async def get(self) -> T:
        """Raises what `ask` raises; that is not remembered."""
        async with self._lock:
            now = anyio.current_time()
            if self._known is None or now - self._known[0] > self._max_age_s:
                self._known = (now, await self._ask())
            return self._known[1]
