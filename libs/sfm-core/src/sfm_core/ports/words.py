"""Candidates for a recall from the store alone, by words."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sfm_core.model import RecallQuery


class WordSearch(Protocol):
    """What answers while a namespace has no view in memory."""

    async def by_words(
        self, namespace: str, query: RecallQuery, *, now: datetime, limit: int
    ) -> Sequence[UUID]:
        """Live, unexpired memories that share a word with the question, the best first.

        A word is shared when both have the same English stem; words without meaning of their
        own count as none. Where fewer than `top_k` share one, memories with a similar stretch of
        letters follow. Kind, times, box and filter of the query are applied before `limit`.

        Raises:
            Unavailable: the store does not answer, or not in time.
        """
        ...
