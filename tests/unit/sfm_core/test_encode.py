from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import orjson

from sfm_core import encode
from sfm_core.coordinates import Coordinate
from sfm_core.errors import Corrupt, Fault, InvalidInput
from sfm_core.jsontext import dumps, loads
from sfm_core.model import (
    BatchStored,
    Explanation,
    Hit,
    JsonObject,
    Kind,
    Memory,
    MemoryDraft,
    Page,
    RecallQuery,
    RecallResult,
    Stored,
    StoreStats,
)

AT = datetime(2026, 5, 1, 12, 0, 0, 5, tzinfo=UTC)
ID = UUID(int=7)
EVENT = UUID(int=8)

MEMORY = Memory(
    namespace="acme",
    coordinate=Coordinate("1,2.5,-3"),
    id=ID,
    version=2,
    position=9,
    draft=MemoryDraft(payload={"b": 1, "a": [None]}, tags=("x",), session="s"),
    text="what is searched",
    created_at=AT,
    updated_at=AT + timedelta(hours=1),
)
STORED = Stored(
    coordinate=Coordinate("1"), id=ID, version=1, position=4, event_id=EVENT, created=True
)


def a_found(payload: JsonObject, *, text: str = "", count: int = 10, **more: Any) -> RecallResult:
    memory = replace(MEMORY, draft=MemoryDraft(payload=payload), text=text)
    hit = Hit(memory=memory, score=0.5, importance_norm=0.5, **more)
    return RecallResult(hits=(hit,) * count, position=1, took_ms=1.0)


def test_only_few_hits_that_are_small_and_flat_are_shown_without_a_thread() -> None:
    flat: JsonObject = {"n": 1, "said": "tea", "none": None}
    assert not encode.much_to_show(a_found(flat, text="a turn of a conversation"))
    assert not encode.much_to_show(a_found({}, count=0))
    assert encode.much_to_show(a_found({"a": [1]}))
    assert encode.much_to_show(a_found({"a": {"b": 1}}))
    assert encode.much_to_show(a_found({"a": "x" * 7000}))
    assert encode.much_to_show(a_found({"x" * 7000: 1}))
    assert encode.much_to_show(a_found(flat, text="x" * 7000))
    assert encode.much_to_show(a_found({str(n): n for n in range(300)}))
    assert encode.much_to_show(a_found(flat, count=200))


def test_times_are_utc_with_microseconds_and_a_z() -> None:
    there = timezone(timedelta(hours=2))
    assert encode.instant(datetime(2026, 5, 1, 14, tzinfo=there)) == "2026-05-01T12:00:00.000000Z"
    assert encode.instant(datetime(1, 1, 1, tzinfo=UTC)) == "0001-01-01T00:00:00.000000Z"


def test_a_memory_document_has_all_fields_and_nulls_for_what_is_absent() -> None:
    document = encode.memory(MEMORY, importance_norm=0.5)
    assert document == {
        "namespace": "acme",
        "coordinate": [1, 2.5, -3],
        "id": str(ID),
        "version": 2,
        "position": 9,
        "payload": {"b": 1, "a": [None]},
        "kind": "episodic",
        "text": "what is searched",
        "importance": 1.0,
        "importance_norm": 0.5,
        "tags": ["x"],
        "session": "s",
        "source": None,
        "occurred_at": None,
        "expires_at": None,
        "pinned": False,
        "created_at": "2026-05-01T12:00:00.000005Z",
        "updated_at": "2026-05-01T13:00:00.000005Z",
    }
    assert "importance_norm" not in encode.memory(MEMORY)


def test_every_document_is_json_in_a_stable_order() -> None:
    why = Explanation(
        parts={"vector": 0.25, "keyword": 0.25},
        values={"vector": 0.5, "keyword": 0.5},
        weights={"vector": 0.5, "keyword": 0.5},
        factor=1.0,
        importance_norm=1.0,
        importance_method="min-max",
        cosine=0.4,
        bm25=None,
        config="abc",
    )
    result = RecallResult(
        hits=(Hit(memory=MEMORY, score=0.5, importance_norm=1.0, explanation=why),),
        position=9,
        took_ms=1.23456,
        degraded=("slab",),
    )
    query = RecallQuery(query="x", include_payload=False, include_text=True)
    for document in (
        encode.memory(MEMORY),
        encode.page(Page(memories=(MEMORY,), next_cursor=None)),
        encode.recall_result(result, query),
        encode.recall_results([result, result], [query, RecallQuery(query="y")]),
        encode.stored(STORED),
        encode.batch_stored(BatchStored(results=(STORED,), position=4)),
        encode.stats(StoreStats(total=3)),
    ):
        assert loads(dumps(document)) == orjson.loads(orjson.dumps(document)) == document


def test_a_hit_carries_what_the_question_asked_for() -> None:
    result = RecallResult(
        hits=(Hit(memory=MEMORY, score=0.5, importance_norm=0.25),), position=9, took_ms=1.23456
    )

    def keys(query: RecallQuery) -> set[str]:
        [hit] = orjson.loads(dumps(encode.recall_result(result, query)))["hits"]
        return set(hit)

    assert {"payload"} == keys(RecallQuery(query="x")) & {"payload", "text", "explain"}
    both = RecallQuery(query="x", include_text=True, include_payload=False)
    assert {"text"} == keys(both) & {"payload", "text", "explain"}
    assert encode.recall_result(result, both)["took_ms"] == 1.235


def test_an_explanation_has_every_field_of_the_model() -> None:
    names = {field.name for field in fields(Explanation)}
    why = Explanation(
        parts={},
        values={},
        weights={},
        factor=1.0,
        importance_norm=1.0,
        importance_method="min-max",
        cosine=None,
        bm25=None,
        config="",
    )
    assert set(encode.explanation(why)) == names


def test_stats_have_every_count_of_the_model() -> None:
    assert set(encode.stats(StoreStats())) == {field.name for field in fields(StoreStats)}


def test_a_batch_answers_each_item_with_its_own_status() -> None:
    updated = Stored(
        coordinate=Coordinate("2"),
        id=ID,
        version=2,
        position=5,
        event_id=EVENT,
        created=False,
        indexed=False,
    )
    wrong = InvalidInput("no", faults=[Fault("/items/2/payload", "must be an object")])
    document = encode.batch_stored(
        BatchStored(results=(STORED, updated, wrong, Corrupt("row 7")), position=5)
    )
    results = document["results"]
    assert isinstance(results, list)
    assert [(one["index"], one["status"]) for one in results] == [
        (0, 201),
        (1, 200),
        (2, 422),
        (3, 500),
    ]
    assert (results[0]["index"], results[1]["coordinate"]) == (0, [2])
    assert results[2]["error"]["errors"] == [
        {"path": "/items/2/payload", "message": "must be an object"}
    ]
    assert "request_id" not in results[2]["error"]
    assert "row 7" not in repr(results[3])
    assert document["position"] == 5


def test_a_draft_leaves_out_what_was_not_said() -> None:
    assert encode.draft(MemoryDraft(payload={}, kind=Kind.SEMANTIC)) == {
        "payload": {},
        "kind": "semantic",
        "importance": 1.0,
        "pinned": False,
    }
