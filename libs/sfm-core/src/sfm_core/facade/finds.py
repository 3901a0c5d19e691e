"""The facade's calls that find by place and by words."""

from sfm_core import decode
from sfm_core.facade.inputs import At, judged, text_of
from sfm_core.facade.opened import Opened
from sfm_core.model import KeywordHit, Page


class Finds(Opened):
    """Range and keyword search."""

    async def range(self, low: At, high: At, **asked: str | int) -> Page:
        """One page of the memories inside the box, by (first axis, id): `limit cursor`.

        The corners belong to it; only memories with as many axes are inside.

        Raises:
            InvalidInput: with the path of every fault.
            Unavailable: the store does not answer.
        """
        said = {name: str(value) for name, value in asked.items()}
        corners = {"min": text_of(low), "max": text_of(high)}
        query = decode.range_query(said | corners)
        return await self.runtime.find.inside(self.namespace, query)

    async def keyword_search(self, term: str, **asked: object) -> tuple[KeywordHit, ...]:
        """The memories with the term in their text, best first; options as in REST's body.

        Raises:
            InvalidInput: with the path of every fault.
            Unavailable: the store does not answer, or not in time.
        """
        query = decode.keyword_query(judged({"term": term, **asked}))
        return await self.runtime.find.by_keyword(self.namespace, query)
