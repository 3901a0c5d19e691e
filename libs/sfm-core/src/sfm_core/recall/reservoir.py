"""The last importances of a namespace, in log order."""

from bisect import insort
from collections.abc import Iterable

import numpy as np

from sfm_core.importance import RESERVOIR, Normaliser
from sfm_core.model import F64, Sample


class Reservoir:
    """The `RESERVOIR` samples of highest position, whatever order they come in.

    So every replica, also after a restart, has the same normaliser for the same log.
    """

    def __init__(self, samples: Iterable[Sample] = ()) -> None:
        self._by_position: dict[int, float] = {}
        self._order: list[int] = []
        self._fitted: Normaliser | None = None
        self.add(samples)

    def add(self, samples: Iterable[Sample]) -> None:
        """Take samples in; repeats and ones older than the window change nothing."""
        for sample in samples:
            if sample.position in self._by_position:
                continue
            full = len(self._order) >= RESERVOIR
            if full and sample.position < self._order[0]:
                continue
            if full:
                del self._by_position[self._order.pop(0)]
            self._by_position[sample.position] = sample.importance
            insort(self._order, sample.position)
            self._fitted = None

    def __len__(self) -> int:
        return len(self._order)

    def values(self) -> F64:
        return np.array([self._by_position[at] for at in self._order], dtype=np.float64)

    def normaliser(self) -> Normaliser:
        """Fitted to the current samples; the same object until they change."""
        if self._fitted is None:
            self._fitted = Normaliser.fit(self.values())
        return self._fitted
