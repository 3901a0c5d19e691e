"""What hits cost a reader in tokens, and which of them fit into a budget. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from sfm_core import jsontext
from sfm_core.model import Budget, Hit, RecallQuery


def estimated_tokens(text: str) -> int:
    """A stated estimate, the same for every reader's model: a token per 4 bytes of UTF-8."""
    return -(-len(text.encode("utf-8")) // 4)


def cost(hit: Hit, query: RecallQuery) -> int:
    """Tokens of what the answer includes of a memory: payload as JSON, text, snippet."""
    total = 0
    if query.include_payload:
        total += -(-len(jsontext.dumps(hit.memory.draft.payload)) // 4)
    if query.include_text:
        total += estimated_tokens(hit.memory.text)
    if hit.snippet is not None:
        total += estimated_tokens(hit.snippet.text)
    return total


class Spending:
    """Takes hits best first. One that does not fit is left out and the next may still fit:
    a long memory at the top does not leave the answer empty.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used = 0
        self._left_out: list[Hit] = []

    def taken(self, hits: Sequence[Hit], query: RecallQuery) -> list[Hit]:
        """Those that fit, with their cost."""
        fitting: list[Hit] = []
        for hit in hits:
            tokens = cost(hit, query)
            if self._used + tokens <= self._limit:
                self._used += tokens
                fitting.append(replace(hit, tokens=tokens))
            else:
                self._left_out.append(hit)
        return fitting

    @property
    def budget(self) -> Budget:
        return Budget(
            limit=self._limit,
            used=self._used,
            left_out=tuple(hit.memory.id for hit in self._left_out),
        )
