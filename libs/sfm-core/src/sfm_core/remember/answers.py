"""The answer to a write, once it is durable."""

from sfm_core.errors import VectorIndexUnavailable
from sfm_core.model import BatchStored, DeletedMany, Stored, Wait, Written

_LATER = "it is stored for good, but the vector index does not take it now; it will be indexed"


def answered[T: (Stored, Written, BatchStored, DeletedMany)](done: T, wait: Wait) -> T:
    """`done`, when the caller does not wait for the vector index, or the index has it.

    Raises:
        VectorIndexUnavailable: what was written is durable, and not yet in the index.
    """
    if wait is Wait.DURABLE or done.indexed:
        return done
    if isinstance(done, Stored | Written):
        raise VectorIndexUnavailable(
            _LATER,
            outcome=done,
            coordinate=done.coordinate.text,
            version=done.version,
            position=done.position,
        )
    raise VectorIndexUnavailable(_LATER, outcome=done, position=done.position)
