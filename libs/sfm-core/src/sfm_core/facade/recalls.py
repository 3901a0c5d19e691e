"""The facade's calls that find what matters."""

from collections.abc import Mapping, Sequence

from sfm_core import decode
from sfm_core.facade.inputs import judged, judged_on_thread
from sfm_core.facade.opened import Opened
from sfm_core.model import Json, RecallResult


class Recalls(Opened):
    """Recall, one question or many; counts."""

    async def recall(self, query: str, **asked: object) -> RecallResult:
        """The memories that matter for `query`, best first; options as in REST's recall body."""
        engine = self.runtime.recall
        raw = judged({"query": query, **asked})
        question = decode.recall_query(raw, weights=engine.weights)
        return await engine.recall(self.namespace, question)

    async def recall_many(
        self, queries: Sequence[Mapping[str, object]]
    ) -> tuple[RecallResult, ...]:
        """One result per query body; embedded together and ranked in one pass."""
        engine = self.runtime.recall
        raw = await judged_on_thread({"queries": list(queries)})
        questions = decode.recall_batch(raw, weights=engine.weights)
        return await engine.recall_many(self.namespace, questions)

    async def stats(self) -> dict[str, Json]:
        """Counts, the state of the view, and the embedder in use."""
        return await self.runtime.stats(self.namespace)
