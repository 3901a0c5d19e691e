"""Model values as the plain dicts of the REST, gRPC and CLI documents.

Everything in them is JSON-ready for `jsontext.dumps`; payloads are passed on as they are, not
copied. Times are RFC 3339 in UTC with microseconds and `Z`; a coordinate is a list of numbers.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from sfm_core.coordinates import NOWHERE, Coordinate
from sfm_core.errors import SfmError
from sfm_core.model import (
    BatchStored,
    DeletedMany,
    ErasureReceipt,
    Event,
    EventPage,
    Explanation,
    History,
    Hit,
    KeywordHit,
    Link,
    Memory,
    MemoryDraft,
    Neighbor,
    NeighborPage,
    Page,
    Path,
    Placed,
    Rebuilt,
    RecallQuery,
    RecallResult,
    Snippet,
    Stored,
    StoreStats,
    UpkeepReport,
)
from sfm_core.runtime.wire import WIRE, problem

type Document = dict[str, object]


def instant(at: datetime) -> str:
    """E.g. `2026-05-01T12:00:00.000000Z`; `at` is timezone-aware."""
    text = at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
    return f"{text}Z"


def coordinate(at: Coordinate) -> list[int | float]:
    return at.numbers()


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
        **_said(stored, importance_norm),
        "created_at": instant(stored.created_at),
        "updated_at": instant(stored.updated_at),
        **shown,
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

    `index` is the item's place in the batch here, not "done" or "pending" as in `stored`.
    """
    return {
        "results": [_item(i, result, request_id) for i, result in enumerate(done.results)],
        "position": done.position,
    }


def hit(found: Hit, *, payload: bool = True, text: bool = False) -> Document:
    """One hit; `payload` and `text` say whether it carries them; a snippet, when it was made."""
    stored = found.memory
    said = stored.draft
    document: Document = {
        "coordinate": stored.coordinate.numbers(),
        "id": str(stored.id),
        "version": stored.version,
        "score": found.score,
    }
    if payload:
        document["payload"] = said.payload
    if text:
        document["text"] = stored.text
    if found.snippet is not None:
        document["snippet"] = snippet(found.snippet)
    if found.tokens is not None:
        document["tokens"] = found.tokens
    if found.links is not None:
        document["links"] = [neighbor(one) for one in found.links]
    document |= {
        "kind": said.kind.value,
        "importance": said.importance,
        "importance_norm": found.importance_norm,
        "tags": list(said.tags),
        "session": said.session,
        "source": said.source,
        "occurred_at": _maybe(said.occurred_at),
        "created_at": instant(stored.created_at),
    }
    if found.explanation is not None:
        document["explain"] = explanation(found.explanation)
    return document


def snippet(passage: Snippet) -> Document:
    return {
        "text": passage.text,
        "start": passage.start,
        "marks": [[start, end] for start, end in passage.marks],
    }


def placed(one: Placed) -> Document:
    """What became of one memory that `explain_for` names."""
    document: Document = {
        "coordinate": one.coordinate.numbers(),
        "hit": not one.absent_for,
        "rank": one.rank,
        "score": one.score,
        "absent_for": [reason.value for reason in one.absent_for],
    }
    if one.explanation is not None:
        document["explain"] = explanation(one.explanation)
    return document


def keyword_hit(found: KeywordHit) -> Document:
    stored = found.memory
    said = stored.draft
    return {
        "coordinate": stored.coordinate.numbers(),
        "id": str(stored.id),
        "version": stored.version,
        "score": found.score,
        "match": found.match.value,
        "snippet": snippet(found.snippet),
        "payload": said.payload,
        "kind": said.kind.value,
        "importance": said.importance,
        "tags": list(said.tags),
        "session": said.session,
        "source": said.source,
        "occurred_at": _maybe(said.occurred_at),
        "created_at": instant(stored.created_at),
    }


def keyword_hits(found: Sequence[KeywordHit]) -> Document:
    """The answer to a keyword search, best first."""
    return {"hits": [keyword_hit(one) for one in found]}


def explanation(why: Explanation) -> Document:
    return {
        "parts": dict(why.parts),
        "values": dict(why.values),
        "weights": dict(why.weights),
        "factor": why.factor,
        "importance_norm": why.importance_norm,
        "importance_method": why.importance_method,
        "cosine": why.cosine,
        "bm25": why.bm25,
        "config": why.config,
    }


def recall_result(found: RecallResult, query: RecallQuery) -> Document:
    """The answer to `query`, with what it asked to have included."""
    hits = [hit(one, payload=query.include_payload, text=query.include_text) for one in found.hits]
    return {"hits": hits, **recall_facts(found, query)}


def recall_facts(found: RecallResult, query: RecallQuery) -> Document:
    """What an answer says beside its hits."""
    document: Document = {
        "position": found.position,
        "took_ms": round(found.took_ms, 3),
        "degraded": list(found.degraded),
    }
    if query.explain_for:
        document["explained"] = [placed(one) for one in found.placed]
    if found.budget is not None:
        document["budget"] = {
            "limit": found.budget.limit,
            "used": found.budget.used,
            "left_out": len(found.budget.left_out),
        }
    return document


def recall_results(found: Sequence[RecallResult], queries: Sequence[RecallQuery]) -> Document:
    """The answers to a batch, in its order."""
    return {"results": [recall_result(f, q) for f, q in zip(found, queries, strict=True)]}


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


def history(found: History) -> Document:
    return {
        "versions": [version(event) for event in found.events],
        "next_before": found.next_before,
    }


def version(event: Event) -> Document:
    """One version of a memory: what it said then, absent values null; of an end only that."""
    document: Document = {
        "version": event.version,
        "type": event.type.value,
        "at": instant(event.at),
        "position": event.position,
        "event_id": str(event.event_id),
    }
    if event.memory is None:
        return document
    return document | _said(event.memory) | {"created_at": instant(event.memory.created_at)}


def deleted_many(done: DeletedMany) -> Document:
    return {"deleted": done.deleted}


def event(one: Event) -> Document:
    """`Event` of the contract: one record of the log, with the memory as it was right after."""
    document: Document = {
        "position": one.position,
        "event_id": str(one.event_id),
        "type": one.type.value,
        "namespace": one.namespace,
        "id": str(one.memory_id),
        "coordinate": None if one.coordinate == NOWHERE else one.coordinate.numbers(),
        "version": one.version,
        "timestamp": instant(one.at),
    }
    if one.memory is not None:
        document |= _said(one.memory) | {"created_at": instant(one.memory.created_at)}
    if one.link is not None:
        document["link"] = link(one.link)
    if one.removed is not None:
        document["removed"] = one.removed
    return document


def erasure(done: ErasureReceipt) -> Document:
    return {
        "namespace": done.namespace,
        "generation": done.generation,
        "position": done.position,
        "event_id": str(done.event_id),
        "erased_at": instant(done.at),
        "complete": done.complete,
        "stores": [
            {"store": one.store, "removed": one.removed, "left": one.left} for one in done.stores
        ],
    }


def rebuilt(done: Rebuilt) -> Document:
    return {
        "projection": done.projection,
        "before": None if done.before is None else done.before.text,
        "after": done.after.text,
        "truth": done.truth.text,
        "sound": done.is_sound,
        "position": done.position,
    }


def event_page(found: EventPage) -> Document:
    return {
        "events": [event(one) for one in found.events],
        "position": found.position,
        "more": found.more,
    }


def stats(counts: StoreStats) -> Document:
    """The counts of the store; callers add what the process knows (slab, importance)."""
    return {
        "total": counts.total,
        "episodic": counts.episodic,
        "semantic": counts.semantic,
        "deleted": counts.deleted,
        "links": counts.links,
        "vectors": counts.vectors,
        "pending_index": counts.pending_index,
        "wal": counts.wal,
        "position": counts.position,
    }


def _said(stored: Memory, importance_norm: float | None = None) -> Document:
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
        "occurred_at": _maybe(said.occurred_at),
        "expires_at": _maybe(said.expires_at),
        "pinned": said.pinned,
    }


def upkeep_report(done: UpkeepReport) -> Document:
    """What a run did, or would do, memory by memory."""
    return {
        "dry_run": done.dry_run,
        "effects": [
            {
                "coordinate": effect.coordinate.numbers(),
                "version": effect.version,
                "kind": effect.kind.value,
                "removed": list(effect.removed),
            }
            for effect in done.effects
        ],
        "complete": done.complete,
        "over_limit": done.over_limit,
    }


def link(found: Link) -> Document:
    """`Link` of the contract."""
    return {
        "from": found.key.origin.numbers(),
        "to": found.key.target.numbers(),
        "type": found.key.type,
        "weight": found.weight,
        "id": str(found.id),
        "version": found.version,
        "position": found.position,
        "created_at": instant(found.created_at),
        "updated_at": instant(found.updated_at),
    }


def neighbors(page: NeighborPage) -> Document:
    return {
        "neighbors": [neighbor(one) for one in page.neighbors],
        "next_cursor": page.next_cursor,
    }


def neighbor(found: Neighbor) -> Document:
    """One link, seen from one of its ends."""
    return {
        "coordinate": found.coordinate.numbers(),
        "id": str(found.id),
        "direction": found.direction.value,
        "type": found.type,
        "weight": found.weight,
    }


def path(found: Path) -> Document:
    """`weight` is there when the path has a link."""
    document: Document = {"path": [at.numbers() for at in found.coordinates]}
    return document if found.weight is None else document | {"weight": found.weight}


def _item(index: int, result: Stored | SfmError, request_id: str) -> Document:
    if isinstance(result, SfmError):
        error: Document = dict(problem(result, request_id))
        if not request_id:
            del error["request_id"]
        return {"index": index, "status": WIRE[result.kind].http, "error": error}
    status = 201 if result.created else 200
    return stored(result) | {"index": index, "status": status}


def _maybe(at: datetime | None) -> str | None:
    return None if at is None else instant(at)
