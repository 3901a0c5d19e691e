"""A VectorStore for tests of those who write to it: fenced, and nothing else."""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from sfm_core.errors import Unavailable
from sfm_core.model import VectorPoint


class FencedPoints:
    """What the indexer asks of a `VectorStore`."""

    def __init__(self) -> None:
        self.points: defaultdict[str, dict[UUID, VectorPoint]] = defaultdict(dict)
        self.calls = 0
        self.is_down = False

    async def put(self, namespace: str, points: Sequence[VectorPoint]) -> None:
        self._answer()
        for point in points:
            held = self.points[namespace].get(point.id)
            if held is None or held.position <= point.position:
                self.points[namespace][point.id] = point

    async def forget(self, namespace: str, *, position: int) -> int:
        self._answer()
        held = self.points[namespace]
        gone = [id_ for id_, point in held.items() if point.position <= position]
        for id_ in gone:
            del held[id_]
        return len(gone)

    def live(self, namespace: str) -> dict[UUID, VectorPoint]:
        return {id_: p for id_, p in self.points[namespace].items() if not p.deleted}

    def _answer(self) -> None:
        self.calls += 1
        if self.is_down:
            raise Unavailable("the vector store does not answer")
