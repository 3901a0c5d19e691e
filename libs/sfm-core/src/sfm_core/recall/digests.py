"""Digests of a view, and of what the record store would have in it."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from hashlib import sha256
from typing import Final

import anyio.to_thread
import numpy as np
import numpy.typing as npt

from sfm_core.digesting import digest_of, edge_share, vector_share
from sfm_core.edges.table import EdgeSnapshot
from sfm_core.lexical.analysis import Analyzer
from sfm_core.model import Digest, ViewRow
from sfm_core.ports import ChangeFeed
from sfm_core.recall.view import Snapshot
from sfm_core.text import indexed_text

type U64 = npt.NDArray[np.uint64]

_MIX: Final = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def slab_digest(snapshot: Snapshot) -> Digest:
    """Of the vectors of live rows, bit by bit; as `Digests.vectors`."""
    rows = np.flatnonzero(snapshot.alive & snapshot.embedded).tolist()
    vectors, versions = snapshot.slab.vectors, snapshot.versions
    return digest_of(
        vector_share(snapshot.ids[row], int(versions[row]), vectors[row]) for row in rows
    )


def lexical_digest(snapshot: Snapshot) -> Digest:
    """Of the words of live rows, and how often each stands there."""
    held = snapshot.lexical.export()
    of_term = np.repeat(_hashes(held.terms), np.diff(held.offsets))
    words: U64 = np.zeros(snapshot.rows, dtype=np.uint64)
    np.add.at(words, held.rows, _mixed(of_term + held.counts.astype(np.uint64)))
    return _of_words(
        [snapshot.ids[row] for row in np.flatnonzero(snapshot.alive).tolist()],
        snapshot.versions[snapshot.alive].astype(np.uint64),
        words[snapshot.alive],
    )


def graph_digest(snapshot: Snapshot) -> Digest:
    """Of the links whose memories live."""
    return edges_digest(snapshot.edges)


def edges_digest(edges: EdgeSnapshot) -> Digest:
    """As `graph_digest`."""
    types = {number: name for name, number in edges.types.items()}
    live = (edges.weight > 0) & (edges.rows[edges.origin] >= 0) & (edges.rows[edges.target] >= 0)
    return digest_of(
        edge_share(
            edges.ids[edges.origin[one]],
            edges.ids[edges.target[one]],
            types[int(edges.type[one])],
            float(edges.weight[one]),
        )
        for one in np.flatnonzero(live).tolist()
    )


async def stored_lexical_digest(
    feed: ChangeFeed, namespace: str, analyzer: Analyzer, *, model_revision: str
) -> Digest:
    """What `lexical_digest` is to be, from the texts in the record store."""
    whole = Digest(0, 0)
    async for rows in feed.load(namespace, model_revision=model_revision):
        part = await anyio.to_thread.run_sync(_of_rows, rows, analyzer)
        whole = Digest(whole.count + part.count, (whole.total + part.total) % 2**64)
    return whole


async def stored_graph_digest(feed: ChangeFeed, namespace: str) -> Digest:
    """What `graph_digest` is to be, from the links in the record store."""
    return digest_of([share async for share in _edge_shares(feed, namespace)])


async def _edge_shares(feed: ChangeFeed, namespace: str) -> AsyncIterator[int]:
    async for links in feed.load_links(namespace):
        for link in links:
            yield edge_share(link.origin.bytes, link.target.bytes, link.type, link.weight)


def _of_rows(rows: Sequence[ViewRow], analyzer: Analyzer) -> Digest:
    words: U64 = np.zeros(len(rows), dtype=np.uint64)
    for number, row in enumerate(rows):
        text = indexed_text(row.text, source=row.source, occurred_at=row.occurred_at)
        counts = Counter(analyzer.terms(text))
        times = np.array([min(n, 0xFFFF) for n in counts.values()], dtype=np.uint64)
        words[number] = _mixed(_hashes(list(counts)) + times).sum(dtype=np.uint64)
    versions: U64 = np.array([row.version for row in rows], dtype=np.uint64)
    return _of_words([row.id.bytes for row in rows], versions, words)


def _of_words(ids: Sequence[bytes], versions: U64, words: U64) -> Digest:
    halves = np.frombuffer(b"".join(ids), dtype=">u8").reshape(len(ids), 2).astype(np.uint64)
    named = _mixed(halves[:, 0] ^ _mixed(halves[:, 1] + versions))
    return Digest(len(ids), int(_mixed(named ^ words).sum(dtype=np.uint64)))


def _hashes(terms: Sequence[str]) -> U64:
    return np.fromiter(_first_bytes(terms), dtype=np.uint64, count=len(terms))


def _first_bytes(terms: Sequence[str]) -> Iterator[int]:
    for term in terms:
        yield int.from_bytes(sha256(term.encode("utf-8", "surrogatepass")).digest()[:8], "big")


def _mixed(values: U64) -> U64:
    """SplitMix64's finaliser: a difference in one bit becomes one in half of them."""
    with np.errstate(over="ignore"):
        mixed = (values ^ (values >> np.uint64(30))) * _MIX[0]
        mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX[1]
    found: U64 = mixed ^ (mixed >> np.uint64(31))
    return found
