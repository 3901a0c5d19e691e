"""Which views a process holds, and of which namespaces it holds none."""

import logging
from dataclasses import dataclass
from time import perf_counter
from typing import Final, final

from sfm_core.errors import Unavailable

_LOG: Final = logging.getLogger(__name__)
TOO_LARGE_S: Final = 600.0
"""So long after a view was found too large it is not loaded again."""


class NotHeld(Unavailable):
    """No view of the namespace is held, nor about to be: the store is to answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewsPolicy:
    budget_bytes: int = 2 << 30
    """Memory of all views; the least recently used go beyond it, never the last one."""
    poll_s: float = 0.25
    """How often other processes' writes are looked for."""
    refuse_too_large: bool = False
    """Whether a view that alone is beyond the budget is given up: then the store answers."""
    holds: bool = True
    """False: no view is ever loaded."""
    vectors: bool = True
    """False: all views are light."""
    may_be_light: bool = False
    """Whether a view that is too large with its vectors is held without them."""


@final
class Refusals:
    """What is known of views that cannot be had, so that they are not read again each time."""

    def __init__(self, policy: ViewsPolicy) -> None:
        self._policy = policy
        self._too_large: dict[str, float] = {}
        self._heavy: dict[str, float] = {}

    def check(self, namespace: str, *, vectors: bool = False) -> None:
        """Raises `NotHeld` when it is known that no view, or none with vectors, can be had."""
        if vectors and self.is_light(namespace):
            raise NotHeld("the vectors of this namespace are not held: the vector store has them")
        if not self._policy.holds:
            raise NotHeld("this process holds no views: the store answers")
        if perf_counter() - self._too_large.get(namespace, -TOO_LARGE_S) < TOO_LARGE_S:
            raise NotHeld("the view of this namespace is larger than the budget for all")

    def is_light(self, namespace: str) -> bool:
        """Whether its next view is to be one without vectors."""
        heavy_at = self._heavy.get(namespace, -TOO_LARGE_S)
        return not self._policy.vectors or perf_counter() - heavy_at < TOO_LARGE_S

    def weigh(self, namespace: str, nbytes: int, *, light: bool) -> None:
        """Note and raise `NotHeld` when a view of this size alone is beyond the budget."""
        if not self._policy.refuse_too_large or nbytes <= self._policy.budget_bytes:
            return
        if self._policy.may_be_light and not light:
            self._heavy[namespace] = perf_counter()
            raise NotHeld("the view of this namespace is too large with its vectors")
        self._too_large[namespace] = perf_counter()
        _LOG.warning("view.too_large", extra={"namespace": namespace})
        self.check(namespace)

    def forget(self, namespace: str) -> None:
        """It was emptied: its next view may be small."""
        self._too_large.pop(namespace, None)
        self._heavy.pop(namespace, None)
