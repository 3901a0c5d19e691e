"""Failures as documents, with what was done all the same."""

from sfm_core.encode.memories import batch_stored, deleted_many, stored
from sfm_core.encode.values import Document
from sfm_core.errors import VectorIndexUnavailable
from sfm_core.model import BatchStored, DeletedMany, Stored, Written
from sfm_core.runtime import wire


def problem(error: BaseException, request_id: str) -> Document:
    """The problem document of an error (RFC 9457).

    Of a `VectorIndexUnavailable` it holds the answer that the call would have given, so that
    nothing of what is durable has to be asked for again.
    """
    document: Document = dict(wire.problem(error, request_id))
    if isinstance(error, VectorIndexUnavailable):
        document |= _outcome(error.outcome, request_id)
    return document


def _outcome(done: object, request_id: str) -> Document:
    match done:
        case Stored():
            return stored(done)
        case Written():
            return {
                "coordinate": done.coordinate.numbers(),
                "id": str(done.id),
                "version": done.version,
                "position": done.position,
                "event_id": str(done.event_id),
                "index": "pending",
            }
        case BatchStored():
            return batch_stored(done, request_id=request_id)
        case DeletedMany():
            return deleted_many(done) | {"position": done.position, "pending": done.pending}
        case _:
            return {}
