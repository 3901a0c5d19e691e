"""Exact vector search: the slab beside FAISS flat, usearch exact and a plain NumPy product.

    python -m benchmarks.slab [--data locomo.json --data cranfield.json] [--rows 100000]

One namespace of 100 000 x 384, exact top 10, one query and 32 queries at once, every method on
the same two threads and in the same run, interleaved: each query is given to every method in
turn, several times, and the best time of each counts for that query; the table shows the median
and the 90th percentile over the queries, ratios first. Every answer is compared with brute force
in float64.

With `--data` (files as `{"units": [{"docs": [{"speaker", "text"}], "queries": [{"text"}]}]}`) the
vectors are real embeddings of these texts under the packaged MiniLM, brought up to the number of
rows by unit vectors between two of them (weights 0.5 to 1), and the queries are the embedded
questions. Without, both are drawn from a spectrum like MiniLM's.
"""

import argparse
import json
import os
import platform
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

THREADS = 2
os.environ.setdefault("OPENBLAS_NUM_THREADS", str(THREADS))
os.environ.setdefault("OMP_NUM_THREADS", str(THREADS))

import faiss  # noqa: E402 - the thread counts are read when these are loaded
import numpy as np  # noqa: E402
from usearch.index import search  # noqa: E402

from sfm_core.adapters.onnx_model import load_model  # noqa: E402
from sfm_core.model import F32, F64, I64  # noqa: E402
from sfm_core.slab.vectors import Slab, SlabSnapshot  # noqa: E402
from sfm_core.testing.models import minilm_folder  # noqa: E402

K, DIM, BATCH = 10, 384, 32
RESULTS = Path(__file__).parent / "results" / "slab.json"
REFERENCE = "FAISS flat"
FLOOR = "reading the matrix once"

type Method = Callable[[F32], I64 | None]
"""Queries (q, dim) -> row numbers (q, K); None for what only measures time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What one method needed, in milliseconds per query, and how often it was right."""

    method: str
    queries_at_once: int
    speed_up: float
    """Median of the reference over this method's."""
    median_ms: float
    p90_ms: float
    wrong: int | None
    """Answers that are not the ten rows of brute force, best first."""
    answers: int


def top_k(scores: F64, rows: I64, k: int) -> tuple[I64, F64]:
    """The k best rows, best first, ties by row."""
    order = np.lexsort((rows, -scores))[:k]
    return rows[order], scores[order]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--data", type=Path, action="append", default=[])
    options.add_argument("--rows", type=int, default=100_000)
    options.add_argument("--queries", type=int, default=192)
    options.add_argument("--repeats", type=int, default=5)
    options.add_argument("--out", type=Path, default=RESULTS)
    given = options.parse_args()

    faiss.omp_set_num_threads(THREADS)
    rng = np.random.default_rng(20)
    if given.data:
        vectors, queries = embedded(given.data, given.rows, given.queries, rng)
    else:
        vectors, queries = drawn(given.rows, given.queries, rng)
    truth = brute_force(vectors, queries)
    slab = Slab(DIM)
    slab.append(vectors)
    began = perf_counter()
    snapshot = slab.snapshot()
    snapshot.prepare()
    prepared_s = perf_counter() - began
    methods = contestants(vectors, snapshot)
    lines = [
        line
        for at_once in (1, BATCH)
        for line in measured(methods, queries, truth, at_once=at_once, repeats=given.repeats)
    ]
    names = [path.stem for path in given.data]
    what = f"MiniLM embeddings of {' + '.join(names)}, mixed" if names else "synthetic spectrum"
    print(f"{given.rows} x {DIM}, {what}; exact top {K}; {THREADS} threads; {machine()}")
    print(
        f"prefix built in {prepared_s:.2f} s, {slab.nbytes / vectors.nbytes:.2f} x the vectors' "
        f"bytes; load {os.getloadavg()[0]:.1f}"
    )
    print(table(lines))
    record = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "machine": machine(),
        "load_average": os.getloadavg()[0],
        "rows": given.rows,
        "dim": DIM,
        "vectors": what,
        "threads": THREADS,
        "prepared_s": prepared_s,
        "slab_bytes": slab.nbytes,
        "lines": [asdict(line) for line in lines],
    }
    given.out.parent.mkdir(exist_ok=True)
    given.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    ours = [line for line in lines if line.method.startswith("slab")]
    if any(line.wrong for line in ours):
        raise SystemExit("the slab differs from brute force")


# -- data --------------------------------------------------------------------------------------


def drawn(rows: int, queries: int, rng: np.random.Generator) -> tuple[F32, F32]:
    """Vectors whose energy falls off like that of MiniLM's; queries at a cosine of about 0.6."""
    spread = np.sqrt((np.arange(DIM) + 2.0) ** -1.1)
    frame = np.linalg.qr(rng.standard_normal((DIM, DIM)))[0]
    near = unit(rng.standard_normal((rows, DIM)) * spread @ frame)
    aside = unit(rng.standard_normal((queries, DIM)) * spread @ frame)
    return near, unit(0.6 * near[rng.integers(0, rows, queries)] + 0.8 * aside)


def embedded(
    files: Sequence[Path], rows: int, queries: int, rng: np.random.Generator
) -> tuple[F32, F32]:
    texts: list[str] = []
    questions: list[str] = []
    for path in files:
        for one in json.loads(path.read_text(encoding="utf-8"))["units"]:
            texts += [f"{doc['speaker']}: {doc['text']}" for doc in one["docs"]]
            questions += [query["text"] for query in one["queries"]]
    chosen = rng.choice(len(questions), queries, replace=len(questions) < queries)
    model = load_model(minilm_folder())
    with ThreadPoolExecutor(THREADS) as pool:
        real = np.stack(list(pool.map(model.encode, texts)))
        asked = np.stack(list(pool.map(model.encode, [questions[i] for i in chosen])))
    ends = rng.integers(0, real.shape[0], (2, rows))
    share = rng.uniform(0.5, 1.0, (rows, 1))
    mixed = unit(share * real[ends[0]] + (1.0 - share) * real[ends[1]])
    mixed[: real.shape[0]] = real[:rows]
    return mixed, asked


def unit(vectors: F64) -> F32:
    normed: F32 = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return normed


def brute_force(vectors: F32, queries: F32) -> I64:
    """The rows of the K greatest float64 cosines, best first, ties by row; shape (q, K)."""
    scores = np.concatenate(
        [part.astype(np.float64) @ queries.T for part in np.array_split(vectors, 50)]
    )
    rows = np.arange(vectors.shape[0])
    return np.array([top_k(column, rows, K)[0] for column in np.ascontiguousarray(scores.T)])


# -- methods -----------------------------------------------------------------------------------


def contestants(vectors: F32, snapshot: SlabSnapshot) -> dict[str, Method]:
    flat = faiss.IndexFlatIP(DIM)
    flat.add(vectors)
    rows = vectors.shape[0]
    halves = np.array_split(vectors, THREADS)
    pool = ThreadPoolExecutor(THREADS)

    def settled(found: Sequence[I64], queries: F32) -> I64:
        return np.array(
            [
                top_k(snapshot.exact(one, query), one, K)[0]
                for one, query in zip(found, queries, strict=True)
            ]
        )

    def ours(queries: F32) -> I64:
        return settled(snapshot.candidates_each(queries, [K] * len(queries)), queries)

    def plain(queries: F32) -> I64:
        scores = (vectors @ queries[0])[None, :] if len(queries) == 1 else queries @ vectors.T
        best = np.argpartition(scores, rows - K, axis=1)[:, rows - K :]
        order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1)
        return np.take_along_axis(best, order, axis=1)

    def faiss_flat(queries: F32) -> I64:
        found: I64 = flat.search(queries, K)[1]
        return found

    def usearch_exact(queries: F32) -> I64:
        matches = search(vectors, queries, K, "ip", exact=True, threads=THREADS)
        found: I64 = np.atleast_2d(matches.keys).astype(np.int64)
        return found

    def read(_: F32) -> None:
        list(pool.map(np.max, halves))

    return {
        "slab": ours,
        REFERENCE: faiss_flat,
        "usearch exact": usearch_exact,
        "NumPy product + argpartition": plain,
        FLOOR: read,
    }


def measured(
    methods: dict[str, Method], queries: F32, truth: I64, *, at_once: int, repeats: int
) -> list[Line]:
    count = queries.shape[0] // at_once
    best = {name: np.full(count, np.inf) for name in methods}
    wrong = dict.fromkeys(methods, 0)
    for i in range(count):
        part = slice(i * at_once, (i + 1) * at_once)
        batch = np.ascontiguousarray(queries[part])
        for repeat in range(repeats):
            for name, method in methods.items():
                began = perf_counter()
                found = method(batch)
                best[name][i] = min(best[name][i], perf_counter() - began)
                if repeat == 0 and found is not None:
                    wrong[name] += int((found != truth[part]).any(axis=1).sum())
    per_query = {name: times * 1e3 / at_once for name, times in best.items()}
    reference = float(np.median(per_query[REFERENCE]))
    return [
        Line(
            method=name,
            queries_at_once=at_once,
            speed_up=reference / float(np.median(times)),
            median_ms=float(np.median(times)),
            p90_ms=float(np.quantile(times, 0.9)),
            wrong=None if name == FLOOR else wrong[name],
            answers=count * at_once,
        )
        for name, times in per_query.items()
    ]


# -- report ------------------------------------------------------------------------------------


def table(lines: Sequence[Line]) -> str:
    out = [
        f"| method | at once | x {REFERENCE} | ms per query, median | 90 % | unlike brute force |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for line in lines:
        unlike = "" if line.wrong is None else f"{line.wrong} of {line.answers}"
        out.append(
            f"| {line.method} | {line.queries_at_once} | {line.speed_up:.2f} | "
            f"{line.median_ms:.2f} | {line.p90_ms:.2f} | {unlike} |"
        )
    return "\n".join(out)


def commit() -> str:
    asked = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.strip() or "unknown"


def machine() -> str:
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return f"{model}, {os.cpu_count()} cores"


if __name__ == "__main__":
    main()
