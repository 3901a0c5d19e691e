"""Finding memories by place and by words."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from sfm_core.model import KeywordQuery, Matched, Page, RangeQuery


class Finder(Protocol):
    """Asks the truth itself, so that what was acknowledged is found."""

    async def inside(self, namespace: str, query: RangeQuery, *, now: datetime) -> Page:
        """Live, unexpired memories inside the box, by (first axis, id), from the cursor on.

        A page ends before its limit with the memory that passes 4 MiB of payloads and texts.

        Stable under writes: a memory that stays live is given exactly once over the pages.

        Raises:
            InvalidInput: the cursor is not one that a range gave.
            Unavailable: the store does not answer.
        """
        ...

    async def with_term(
        self, namespace: str, query: KeywordQuery, *, now: datetime
    ) -> Sequence[Matched]:
        """The best `top_k` live, unexpired memories that the query's kind and filter admit.

        Fewer than that where they pass 4 MiB of payloads and texts: the best, up to the one that
        passes. In the order of `Match`; fuzzy ones with the greatest similarity first; ties go to
        the youngest (`created_at`, then `id`). Kind and filter are applied before `top_k`. Case is
        compared as the store's locale has it, character by character.

        Raises:
            Unavailable: the store does not answer, or not in time.
        """
        ...
