"""The use-cases of finding."""

from typing import Final

from sfm_core.find.places import hit_of
from sfm_core.model import KeywordHit, KeywordQuery, Page, RangeQuery
from sfm_core.offload import off_loop
from sfm_core.ports import Clock, Finder

_INLINE_CHARS: Final = 2048
"""A place in more text than that is looked for on a thread."""


class Find:
    """Finds memories inside a box, and by what stands in their text."""

    def __init__(self, *, finder: Finder, clock: Clock) -> None:
        self._finder = finder
        self._clock = clock

    async def inside(self, namespace: str, query: RangeQuery) -> Page:
        """A page of the live memories inside a box, by (first axis, id).

        Raises:
            InvalidInput: the cursor is not one that a range gave.
            Unavailable: the store does not answer.
        """
        return await self._finder.inside(namespace, query, now=self._clock.now())

    async def by_keyword(self, namespace: str, query: KeywordQuery) -> tuple[KeywordHit, ...]:
        """The live memories with the term in their text, best first, at most `top_k`.

        Raises:
            Unavailable: the store does not answer, or not in time.
        """
        found = await self._finder.with_term(namespace, query, now=self._clock.now())
        chars = sum(len(one.memory.text) for one in found)
        return await off_loop(
            lambda: tuple(hit_of(query, one) for one in found), when=chars > _INLINE_CHARS
        )
