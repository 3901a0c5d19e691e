"""The facade's calls that find what matters."""

from collections.abc import AsyncGenerator, Mapping, Sequence

from sfm_core import decode
from sfm_core.facade.inputs import judged, judged_on_thread
from sfm_core.facade.opened import Opened
from sfm_core.model import Hit, Json, RecallResult


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

    async def recall_stream(
        self, query: str, **asked: object
    ) -> AsyncGenerator[Hit | RecallResult]:
        """As `recall`, each hit as soon as it is fetched; last what the answer says beside them.

        The last one is a `RecallResult` without hits: it names the legs that did not answer. A
        stream that ends without it is not whole.

        Raises:
            As `recall`; what fails later is raised in between.
        """
        engine = self.runtime.recall
        raw = judged({"query": query, **asked})
        question = decode.recall_query(raw, weights=engine.weights)
        stream = await engine.stream(self.namespace, question)
        while (page := await stream.page()) is not None:
            for hit in page:
                yield hit
            engine.seen(self.namespace, page)
        yield stream.summary()

    async def namespaces(self) -> Sequence[str]:
        """Names of all namespaces in the same database, this one's neighbours too, in order."""
        return await self.runtime.records.namespaces()

    async def stats(self) -> dict[str, Json]:
        """Counts, the state of the view, and the embedder in use."""
        return await self.runtime.stats(self.namespace)
