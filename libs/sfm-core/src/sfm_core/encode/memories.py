"""Memories, what became of writing them, and pages of them."""

from collections.abc import Sequence

from sfm_core.encode.links import neighbor
from sfm_core.encode.values import Document, instant, maybe
from sfm_core.errors import SfmError
from sfm_core.model import BatchStored, DeletedMany, Memory, MemoryDraft, Neighbor, Page, Stored
from sfm_core.runtime.wire import WIRE, problem


def draft(said: MemoryDraft) -> Document:
    """What a caller said of a memory, what was not said left out.

    `decode.memory_draft(draft(d)) == d` for every draft that `decode` gave.
    """
    document: Document = {"payload": said.payload, "kind": said.kind.value}
    if said.text is not None:
        document["text"] = said.text
    document["importance"] = said.importance
    if said.tags:
        document["tags"] = list(said.tags)
    if said.session is not None:
        document["session"] = said.session
    if said.source is not None:
        document["source"] = said.source
    if said.occurred_at is not None:
        document["occurred_at"] = instant(said.occurred_at)
    if said.expires_at is not None:
        document["expires_at"] = instant(said.expires_at)
    document["pinned"] = said.pinned
    return document


def memory(
    stored: Memory,
    *,
    importance_norm: float | None = None,
    links: Sequence[Neighbor] | None = None,
) -> Document:
    """`Memory` of the contract. `text` is what is searched; absent values are null.

    `links`, when they were asked for, are its strongest.
    """
    shown: Document = {} if links is None else {"links": [neighbor(one) for one in links]}
    return {
        "namespace": stored.namespace,
        "coordinate": stored.coordinate.numbers(),
        "id": str(stored.id),
        "version": stored.version,
        "position": stored.position,
        **said_of(stored, importance_norm),
        "created_at": instant(stored.created_at),
        "updated_at": instant(stored.updated_at),
        **shown,
    }


def said_of(stored: Memory, importance_norm: float | None = None) -> Document:
    """What a memory says, all of it."""
    said = stored.draft
    document: Document = {
        "payload": said.payload,
        "kind": said.kind.value,
        "text": stored.text,
        "importance": said.importance,
    }
    if importance_norm is not None:
        document["importance_norm"] = importance_norm
    return document | {
        "tags": list(said.tags),
        "session": said.session,
        "source": said.source,
        "occurred_at": maybe(said.occurred_at),
        "expires_at": maybe(said.expires_at),
        "pinned": said.pinned,
    }


def stored(done: Stored) -> Document:
    """`Stored` of the contract; whether it was a replay is said in a header, not here."""
    return {
        "coordinate": done.coordinate.numbers(),
        "id": str(done.id),
        "version": done.version,
        "position": done.position,
        "event_id": str(done.event_id),
        "created": done.created,
        "deduplicated": done.deduplicated,
        "index": "done" if done.indexed else "pending",
    }


def batch_stored(done: BatchStored, *, request_id: str = "") -> Document:
    """One result per item, with the status that the item alone would have got.

    `index` is the item's place in the batch here, not "done" or "pending" as in `stored`;
    `indexed` says that.
    """
    return {
        "results": [_item(i, result, request_id) for i, result in enumerate(done.results)],
        "position": done.position,
    }


def page(listed: Page, norms: Sequence[float] | None = None) -> Document:
    """`norms`: the importance norm of each memory of the page."""
    shown = norms if norms is not None else [None] * len(listed.memories)
    return {
        "memories": [
            memory(one, importance_norm=norm)
            for one, norm in zip(listed.memories, shown, strict=True)
        ],
        "next_cursor": listed.next_cursor,
    }


def deleted_many(done: DeletedMany) -> Document:
    return {"deleted": done.deleted}


def _item(index: int, result: Stored | SfmError, request_id: str) -> Document:
    if isinstance(result, SfmError):
        error: Document = dict(problem(result, request_id))
        if not request_id:
            del error["request_id"]
        return {"index": index, "status": WIRE[result.kind].http, "error": error}
    status = 201 if result.created else 200
    return stored(result) | {"index": index, "status": status, "indexed": result.indexed}
