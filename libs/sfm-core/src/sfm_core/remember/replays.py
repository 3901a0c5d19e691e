"""Asking what an idempotency key stands for, without claiming it."""

from typing import Final

from sfm_core.coordinates import Coordinate
from sfm_core.model import Applied, Keep, Precondition, Receipt, Wait
from sfm_core.remember.commits import Commits

_NEVER: Final = Precondition(absent=True, version=1)
"""Holds of nothing: what lives is not absent, and what does not has no version."""
_ANYWHERE: Final = Coordinate("0")


async def first_outcome(
    commits: Commits,
    namespace: str,
    receipt: Receipt | None,
    *,
    generation: int,
    wait: Wait = Wait.INDEXED,
) -> Applied | None:
    """What the first request with this key did; None when there was none, or no key.

    For requests that fail before they come to write: what they look at may have changed since
    the first time, and a repeat must not fail for that.

    Raises:
        Conflict: the namespace was erased since `generation` was noted.
        KeyReused: the key came with another request.
        Unavailable: the store does not answer.
    """
    if receipt is None:
        return None
    applied = await commits.commit(
        namespace,
        [Keep(coordinate=_ANYWHERE, precondition=_NEVER)],
        receipt,
        generation=generation,
        wait=wait,
    )
    return applied if applied.replayed else None
