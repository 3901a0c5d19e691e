"""Exports and imports over twins, and what is compared of two namespaces."""

from collections.abc import AsyncIterator, Iterable, Sequence
from itertools import groupby
from typing import Any

import orjson

from sfm_core import decode, encode
from sfm_core.assembled import Runtime
from sfm_core.model import ImportMode

QUESTIONS: tuple[dict[str, Any], ...] = (
    {"query": "green tea in the morning", "top_k": 50, "explain": True},
    {"query": "tea", "top_k": 50, "mode": "vector", "explain": True},
    {"query": "Ada said morning", "top_k": 50, "mode": "keyword", "explain": True},
    {"query": "x", "top_k": 50, "weights": {"vector": 1, "keyword": 1, "context": 1, "recency": 1}},
)
NOW = "2030-01-01T00:00:00Z"


async def exported(
    runtime: Runtime, namespace: str, *, history: bool = False, vectors: bool = False
) -> bytes:
    pieces = runtime.exports.lines(namespace, history=history, vectors=vectors)
    return b"".join([piece async for piece in pieces])


async def imported(
    runtime: Runtime,
    namespace: str,
    file: bytes | Iterable[bytes],
    mode: ImportMode = ImportMode.MERGE,
) -> list[dict[str, Any]]:
    """All results; the last one is the summary."""
    chunks = [file] if isinstance(file, bytes) else file
    results = runtime.imports.results(namespace, _stream(chunks), mode=mode)
    return [orjson.loads(orjson.dumps(one)) async for part in results for one in part]


async def answers(runtime: Runtime, namespace: str) -> list[Any]:
    """Recall answers and lists, without what an import does not keep."""
    found: list[Any] = []
    for asked in QUESTIONS:
        question = decode.recall_query({**asked, "now": NOW}, weights=runtime.recall.weights)
        result = await runtime.recall.recall(namespace, question)
        document = encode.recall_result(result, question)
        found.append({k: v for k, v in document.items() if k not in ("took_ms", "position")})
    page = await runtime.remember.list(namespace, decode.list_query({"limit": "1000"}))
    norms = await runtime.recall.norms(namespace, [m.draft.importance for m in page.memories])
    listed = [
        encode.memory(m, importance_norm=n) for m, n in zip(page.memories, norms, strict=True)
    ]
    found.append([{k: v for k, v in one.items() if k != "position"} for one in listed])
    return [orjson.dumps(one) for one in found]


def lines(file: bytes) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in file.splitlines()]


def body(file: bytes) -> list[dict[str, Any]]:
    """Without header and end, which name positions and times."""
    return lines(file)[1:-1]


def memories_of(file: bytes) -> list[dict[str, Any]]:
    """Links have the time at which they were made here; memories that ended one behind the other
    do so in any order.
    """
    found = [line | {"updated_at": ""} if line["sfm"] == "link" else line for line in body(file)]
    runs = groupby(found, key=lambda line: "payload" not in line and line["sfm"] == "version")
    return [one for ends, run in runs for one in (sorted(run, key=str) if ends else run)]


def ndjson(documents: Sequence[object]) -> bytes:
    return b"".join(orjson.dumps(document) + b"\n" for document in documents)


async def _stream(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
