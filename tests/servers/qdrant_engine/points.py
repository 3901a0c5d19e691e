"""The calls on points: what each does to the engine, and what it answers."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import qdrant_edge as engine

from tests.servers.qdrant_engine.collections import Collection
from tests.servers.qdrant_engine.conditions import (
    Json,
    Refused,
    filter_of,
    only,
    params,
    point_id,
    shadowed,
    unshadowed,
    vector,
    with_payload,
)

_UPDATE: Final = engine.UpdateOperation
_MODES: Final = {
    "upsert": engine.UpdateMode.Upsert,
    "insert_only": engine.UpdateMode.InsertOnly,
    "update_only": engine.UpdateMode.UpdateOnly,
}


def upsert(collection: Collection, body: Json) -> Json:
    said = only(body, "points", "update_filter", "update_mode", "shard_key")
    points = [
        engine.Point(point_id(one["id"]), vector(one["vector"]), shadowed(one.get("payload") or {}))
        for one in (only(one, "id", "vector", "payload") for one in said["points"])
    ]
    mode = said.get("update_mode")
    collection.shard.update(
        _UPDATE.upsert_points(
            points,
            condition=filter_of(said.get("update_filter")),
            update_mode=None if mode is None else _MODES[mode],
        )
    )
    return _done()


def delete(collection: Collection, body: Json) -> Json:
    said = only(body, "points", "filter", "shard_key")
    if "points" in said:
        ids = [point_id(one) for one in said["points"]]
        collection.shard.update(_UPDATE.delete_points(ids))
        return _done()
    collection.shard.update(_UPDATE.delete_points_by_filter(_required(said)))
    return _done()


def set_payload(collection: Collection, body: Json) -> Json:
    said = only(body, "payload", "points", "filter", "key", "shard_key")
    payload, key = shadowed(said["payload"]), said.get("key")
    if said.get("points") is not None:
        ids = [point_id(one) for one in said["points"]]
        collection.shard.update(_UPDATE.set_payload(ids, payload, key))
        return _done()
    update = _UPDATE.set_payload_by_filter(
        _required(said), shadowed(said["payload"]), said.get("key")
    )
    collection.shard.update(update)
    return _done()


def batch(collection: Collection, body: Json) -> Json:
    """Several updates in their order; one that is refused ends it."""
    known: Mapping[str, Callable[[Collection, Json], Json]] = {
        "upsert": upsert,
        "delete": delete,
        "set_payload": set_payload,
    }
    done = []
    for operation in only(body, "operations")["operations"]:
        [(kind, said)] = only(operation, *known).items()
        done.append(known[kind](collection, said))
    return done


def retrieve(collection: Collection, body: Json) -> Json:
    said = only(body, "ids", "with_payload", "with_vector", "shard_key")
    ids = [point_id(one) for one in said["ids"]]
    payload = with_payload(said.get("with_payload"), default=True)
    records = collection.shard.retrieve(ids, payload, said.get("with_vector") or False)
    return [_record(one) for one in records]


def scroll(collection: Collection, body: Json) -> Json:
    said = only(body, "filter", "limit", "offset", "with_payload", "with_vector", "shard_key")
    offset = said.get("offset")
    records, following = collection.shard.scroll(
        engine.ScrollRequest(
            offset=None if offset is None else point_id(offset),
            limit=_limit(said),
            filter=filter_of(said.get("filter")),
            with_payload=with_payload(said.get("with_payload"), default=True),
            with_vector=said.get("with_vector") or False,
        )
    )
    return {"points": [_record(one) for one in records], "next_page_offset": _plain_id(following)}


def count(collection: Collection, body: Json) -> Json:
    said = only(body, "filter", "exact", "shard_key")
    exact = said.get("exact")
    request = engine.CountRequest(
        exact=True if exact is None else exact, filter=filter_of(said.get("filter"))
    )
    return {"count": collection.shard.count(request)}


def query(collection: Collection, body: Json) -> Json:
    said = only(
        body,
        *("query", "filter", "params", "limit", "offset", "with_payload", "with_vector"),
        *("score_threshold", "shard_key"),
    )
    asked = said.get("query")
    near = only(asked, "nearest")["nearest"] if isinstance(asked, dict) else asked
    found = collection.shard.query(
        engine.QueryRequest(
            limit=_limit(said),
            offset=said.get("offset"),
            query=engine.Query.Nearest(vector(near)),
            filter=filter_of(said.get("filter")),
            score_threshold=said.get("score_threshold"),
            params=params(said.get("params")),
            with_payload=with_payload(said.get("with_payload"), default=False),
            with_vector=said.get("with_vector") or False,
        )
    )
    return {
        "points": [{**_record(one), "version": one.version, "score": one.score} for one in found]
    }


def _limit(said: Mapping[str, Json]) -> int:
    limit = said.get("limit")
    if limit is None:
        return 10
    if not isinstance(limit, int) or limit < 1:
        raise Refused("Validation error in JSON body: [limit: value must be greater than 0]")
    return limit


def _required(said: Mapping[str, Json]) -> engine.Filter:
    found = filter_of(said.get("filter"))
    if found is None:
        raise Refused("Bad request: Either points or filter should be specified")
    return found


def _done() -> Json:
    return {"operation_id": 0, "status": "completed"}


def _record(record: Any) -> dict[str, Json]:
    found: dict[str, Json] = {"id": _plain_id(record.id)}
    if record.payload is not None:
        found["payload"] = unshadowed(record.payload)
    if record.vector is not None:
        found["vector"] = record.vector
    return found


def _plain_id(given: Any) -> Json:
    return given if given is None or isinstance(given, int) else str(given)
