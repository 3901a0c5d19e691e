"""An inverted index over rows of terms, scored by BM25 with exact statistics."""

import math
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from sfm_core.errors import Corrupt
from sfm_core.model import F64, I32, I64, Mask

type U16 = npt.NDArray[np.uint16]

MAX_COUNT: Final = 0xFFFF
"""How often a term is counted in one row, at most."""
_POSTING_BYTES: Final = 290
"""Measured cost of a term beside its postings: dictionary entry, string, array object."""


@dataclass(frozen=True, slots=True, eq=False)
class LexicalArrays:
    """A whole index as plain arrays: for a file, or to rebuild it without analysis.

    Term `t` occurs in `rows[offsets[t]:offsets[t + 1]]` (ascending), `counts` times each.
    """

    terms: Sequence[str]
    offsets: I64
    """Shape (terms + 1,)."""
    rows: I32
    """Shape (postings,)."""
    counts: U16
    """Shape (postings,), each >= 1."""
    lengths: I32
    """Shape (rows,): terms in each row, repeats included."""


class LexicalIndex:
    """Rows of terms, append-only; which rows are alive is the caller's to say.

    One writer. `snapshot()` is O(1) and may be read on any thread while the writer goes on:
    a reader copies a term's postings under the interpreter lock and cuts them at its own
    row count. An update is a new row; `compact` drops the dead ones.

    Memory: 4 bytes per distinct term of a row, 6 more where it occurs there repeatedly,
    about 300 per distinct term of the index, 4 per row.
    """

    def __init__(self) -> None:
        self._postings: dict[str, array[int]] = {}
        self._repeats: dict[str, tuple[array[int], array[int]]] = {}
        self._lengths = array("i")
        self._entries = 0
        self._repeated = 0
        self._total = 0

    @property
    def rows(self) -> int:
        return len(self._lengths)

    @property
    def nbytes(self) -> int:
        """Bytes held, estimated."""
        return (
            4 * self._entries
            + 6 * self._repeated
            + _POSTING_BYTES * (len(self._postings) + len(self._repeats))
            + 4 * len(self._lengths)
        )

    def append(self, terms: Sequence[str]) -> int:
        """Add the next row; its number."""
        row = len(self._lengths)
        counts = Counter(terms)
        for term, count in counts.items():
            postings = self._postings.get(term)
            if postings is None:
                postings = self._postings[term] = array("i")
            postings.append(row)
            if count > 1:
                self._repeat(term, len(postings) - 1, count)
        self._entries += len(counts)
        self._total += len(terms)
        self._lengths.append(len(terms))
        return row

    def snapshot(self) -> "LexicalSnapshot":
        """The rows of this moment; called by the writer, between appends."""
        return LexicalSnapshot(self._postings, self._repeats, self._lengths, self._total)

    def compact(self, keep: Mask) -> "LexicalIndex":
        """A new index of the kept rows, renumbered in order; `keep` has shape (rows,).

        Snapshots of the old one stay as they are.
        """
        held = self.export()
        stays = keep[held.rows]
        renumbered: I32 = np.cumsum(keep, dtype=np.int32) - np.int32(1)
        ends: I64 = np.concatenate(([0], np.cumsum(stays, dtype=np.int64)))
        return LexicalIndex.restore(
            LexicalArrays(
                terms=held.terms,
                offsets=ends[held.offsets],
                rows=renumbered[held.rows[stays]],
                counts=held.counts[stays],
                lengths=held.lengths[keep],
            )
        )

    def export(self) -> LexicalArrays:
        """The whole index as arrays; equal for equal rows, whatever batches they came in."""
        return self.snapshot().export()

    @classmethod
    def restore(cls, arrays: LexicalArrays) -> "LexicalIndex":
        """The index that `arrays` were exported from; terms without a posting are left out.

        Raises:
            Corrupt: the arrays do not fit together.
        """
        _check(arrays)
        index = cls()
        index._lengths = array("i", arrays.lengths.tobytes())
        index._total = int(arrays.lengths.sum(dtype=np.int64))
        index._entries = int(arrays.rows.shape[0])
        repeated: I64 = np.flatnonzero(arrays.counts > 1)
        index._repeated = int(repeated.shape[0])
        bounds = np.searchsorted(repeated, arrays.offsets).tolist()
        offsets = arrays.offsets.tolist()
        for number, term in enumerate(arrays.terms):
            start, end = offsets[number], offsets[number + 1]
            if start < end:
                index._postings[term] = array("i", arrays.rows[start:end].tobytes())
            at = repeated[bounds[number] : bounds[number + 1]]
            if at.size:
                index._repeats[term] = (
                    array("i", (at - start).astype(np.int32).tobytes()),
                    array("H", arrays.counts[at].tobytes()),
                )
        return index

    def _repeat(self, term: str, place: int, count: int) -> None:
        """Note that the term occurs `count` times in the row at this place of its postings."""
        repeats = self._repeats.get(term)
        if repeats is None:
            repeats = self._repeats[term] = (array("i"), array("H"))
        repeats[1].append(min(count, MAX_COUNT))
        repeats[0].append(place)
        self._repeated += 1


@dataclass(frozen=True, slots=True)
class _Norms:
    """What BM25 needs of row lengths, for one set of live rows."""

    key: tuple[int, int, float, float]
    penalty: F64
    """Shape (rows,): `k1 * (1 - b + b * length / average length)`."""
    single: F64
    """Shape (rows,): weight of a term that occurs once in the row."""


class LexicalSnapshot:
    """The first `rows` rows of an index; its answers never change."""

    def __init__(
        self,
        postings: Mapping[str, "array[int]"],
        repeats: Mapping[str, "tuple[array[int], array[int]]"],
        lengths: "array[int]",
        total: int,
    ) -> None:
        self.rows = len(lengths)
        self._postings = postings
        self._repeats = repeats
        self._lengths_held = lengths
        self._total = total
        self._lengths: F64 | None = None
        self._norms: _Norms | None = None

    def export(self) -> LexicalArrays:
        """These rows as arrays, on any thread."""
        held = [(term, self._rows_of(term)) for term in sorted(list(self._postings))]  # noqa: C414 - one step under the lock
        found = [(term, rows) for term, rows in held if rows.size]
        sizes = [rows.shape[0] for _, rows in found]
        offsets: I64 = np.concatenate(([0], np.cumsum(sizes, dtype=np.int64)))
        rows: I32 = np.concatenate([np.empty(0, dtype=np.int32), *(rows for _, rows in found)])
        counts: U16 = np.ones(rows.shape[0], dtype=np.uint16)
        for (term, mine), start in zip(found, offsets.tolist(), strict=False):
            repeats = self._repeats.get(term)
            if repeats is not None:
                places, how_often = _repeated(repeats, mine.shape[0])
                counts[start + places] = how_often
        return LexicalArrays(
            terms=[term for term, _ in found],
            offsets=offsets,
            rows=rows,
            counts=counts,
            lengths=_copied(self._lengths_held)[: self.rows],
        )

    def scores(self, terms: Sequence[str], alive: Mask, *, k1: float = 1.2, b: float = 0.75) -> F64:
        """BM25 of every row, shape (rows,); 0 for dead rows and rows without a query term.

        `sum over distinct query terms of idf * tf * (k1 + 1) / (tf + k1 * (1 - b + b * l / L))`
        with `idf = ln(1 + (N - df + .5) / (df + .5))`; N, df and the average length L are
        exact over the rows that `alive`, shape (rows,), marks. A repeated query term counts
        once. Terms are added in code-point order in float64, so a row's score depends only
        on the live rows' terms: bit-equal whatever their order, batches or dead neighbours.

        Raises:
            ValueError: `alive` has another shape.
        """
        if alive.shape != (self.rows,):
            raise ValueError(f"alive has shape {alive.shape}, not ({self.rows},)")
        live = int(np.count_nonzero(alive))
        scores: F64 = np.zeros(self.rows)
        norms: _Norms | None = None
        for term in sorted(set(terms)):
            rows = self._rows_of(term)
            df = rows.shape[0] if live == self.rows else int(np.count_nonzero(alive[rows]))
            if df == 0:
                continue
            norms = norms or self._norms_of(alive, live, k1, b)
            idf = math.log1p((live - df + 0.5) / (df + 0.5))
            np.add.at(scores, rows, self._weights(term, rows, norms, k1) * idf)
        if norms is not None and live < self.rows:
            scores[~alive] = 0.0
        return scores

    def _rows_of(self, term: str) -> I32:
        postings = self._postings.get(term)
        if postings is None:
            return np.empty(0, dtype=np.int32)
        rows = _copied(postings)
        return rows[: np.searchsorted(rows, np.int32(self.rows))]

    def _weights(self, term: str, rows: I32, norms: _Norms, k1: float) -> F64:
        """Shape of `rows`: `tf * (k1 + 1) / (tf + penalty)`."""
        weights: F64 = norms.single[rows]
        repeats = self._repeats.get(term)
        if repeats is not None:
            places, tf = _repeated(repeats, rows.shape[0])
            penalty = norms.penalty[rows[places]]
            weights[places] = _weight(tf.astype(np.float64), penalty, k1)
        return weights

    def _norms_of(self, alive: Mask, live: int, k1: float, b: float) -> _Norms:
        lengths = self._row_lengths()
        total = self._total if live == self.rows else int(lengths @ alive.astype(np.float64))
        key = (live, total, k1, b)
        norms = self._norms
        if norms is None or norms.key != key:
            average = total / live
            penalty: F64 = k1 * (1.0 - b + b * (lengths / average))
            norms = _Norms(key, penalty, _weight(np.ones(1), penalty, k1))
            self._norms = norms
        return norms

    def _row_lengths(self) -> F64:
        if self._lengths is None:
            self._lengths = _copied(self._lengths_held)[: self.rows].astype(np.float64)
        return self._lengths


def _repeated(repeats: "tuple[array[int], array[int]]", postings: int) -> tuple[I32, U16]:
    """Where among a term's first postings it occurs repeatedly, and how often there."""
    places = _copied(repeats[0])
    places = places[: np.searchsorted(places, np.int32(postings))]
    return places, np.frombuffer(repeats[1].tobytes(), dtype=np.uint16)[: places.shape[0]]


def _weight(tf: F64, penalty: F64, k1: float) -> F64:
    weight: F64 = tf * (k1 + 1.0) / (tf + penalty)
    return weight


def _copied(values: "array[int]") -> I32:
    """A copy taken in one step under the interpreter lock; read-only.

    Not a view: an array whose buffer is exported refuses to grow.
    """
    return np.frombuffer(values.tobytes(), dtype=np.int32)


def _check(arrays: LexicalArrays) -> None:
    offsets, rows = arrays.offsets, arrays.rows
    sound = (
        offsets.shape == (len(arrays.terms) + 1,)
        and arrays.counts.shape == rows.shape
        and int(offsets[0]) == 0
        and int(offsets[-1]) == rows.shape[0]
        and bool((np.diff(offsets) >= 0).all())
        and (rows.size == 0 or 0 <= int(rows.min()) <= int(rows.max()) < arrays.lengths.shape[0])
    )
    if not sound:
        raise Corrupt("the arrays of a lexical index do not fit together")
