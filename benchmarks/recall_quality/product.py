"""The only module here that talks to the product: its REST interface."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import batched
from typing import Any

import httpx

from benchmarks.recall_quality.collections import Unit

STORE_BATCH = 250
ASK_BATCH = 64
DEPTH = 20


def store(api: httpx.Client, unit: Unit) -> None:
    """Store a unit's memories in order; every one must be taken."""
    for items in batched(unit.items, STORE_BATCH):
        answer = api.post(f"/v1/{unit.namespace}/memories:batch", json={"items": items})
        answer.raise_for_status()
        refused = [r for r in answer.json()["results"] if r.get("error")]
        if refused:
            raise SystemExit(f"{unit.namespace}: not stored: {refused[0]}")


def ask(api: httpx.Client, unit: Unit, options: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    """The ranked document ids for each question of the unit, in order."""
    for questions in batched(unit.questions, ASK_BATCH):
        queries = [{"query": q.text, "top_k": DEPTH, **options} for q in questions]
        answer = api.post(f"/v1/{unit.namespace}/recall:batch", json={"queries": queries})
        answer.raise_for_status()
        for result in answer.json()["results"]:
            if result["degraded"]:
                raise SystemExit(f"{unit.namespace}: degraded: {result['degraded']}")
            yield [hit["payload"]["id"] for hit in result["hits"]]


def embedder(api: httpx.Client, namespace: str) -> Mapping[str, Any]:
    """The embedder in use, as the product reports it."""
    answer = api.get(f"/v1/{namespace}/stats")
    answer.raise_for_status()
    found: Mapping[str, Any] = answer.json()["embedder"]
    return found
