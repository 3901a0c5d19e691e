"""Hits and what a recall says beside them."""

from collections.abc import Sequence
from typing import Final

from sfm_core.encode.links import neighbor
from sfm_core.encode.values import Document, instant, maybe
from sfm_core.model import Explanation, Hit, KeywordHit, Placed, RecallQuery, RecallResult, Snippet
from sfm_core.offload import INLINE_CHARS

_HIT_CHARS: Final = 1024
"""What a hit says beside its text and payload, about."""
_SCALAR_CHARS: Final = 24


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
        "occurred_at": maybe(said.occurred_at),
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
        "occurred_at": maybe(said.occurred_at),
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


def much_to_show(found: RecallResult) -> bool:
    """Whether encoding and serialising the answer might hold the event loop; costs little itself.

    What is nested in a payload is not looked into, and counts as much.
    """
    chars = 0
    for shown in found.hits:
        payload = shown.memory.draft.payload
        chars += _HIT_CHARS + len(shown.memory.text)
        for name, value in payload.items():
            if isinstance(value, dict | list):
                return True
            chars += len(name) + (len(value) if isinstance(value, str) else _SCALAR_CHARS)
        if shown.links or chars > INLINE_CHARS:
            return True
    return bool(found.placed)


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
