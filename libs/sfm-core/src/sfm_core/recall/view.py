"""One namespace as the recall engine sees it: rows, vectors, words, attributes, chains."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from sfm_core.chain import Chain
from sfm_core.columns import Columns
from sfm_core.edges.table import NOWHERE, Edges, EdgeSnapshot
from sfm_core.errors import Corrupt, InvalidInput
from sfm_core.grown import Grown
from sfm_core.importance import Normaliser
from sfm_core.lexical.analysis import Analyzer
from sfm_core.lexical.index import LexicalIndex, LexicalSnapshot
from sfm_core.model import F64, I64, LinkRow, Mask, Sample, ViewRow
from sfm_core.recall.attributes import attributes_of, happened_at, known_time
from sfm_core.recall.chains import Chains
from sfm_core.recall.reservoir import Reservoir
from sfm_core.slab.scanning import Scannable
from sfm_core.slab.snapshot import checked_units
from sfm_core.slab.vectors import Slab
from sfm_core.text import indexed_text
from sfm_core.times import microseconds

COMPACT_AT_DEAD_SHARE = 0.25
COMPACT_AT_LEAST = 1024
RECENT_POSITIONS = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A view at one moment; nothing in it changes, whichever thread reads it."""

    rows: int
    slab: Scannable
    lexical: LexicalSnapshot
    columns: Columns
    """Grows with the view; ask it for `rows` rows."""
    alive: Mask
    embedded: Mask
    """Rows that have a vector."""
    norms: F64
    """Importance norm of each row under `normaliser`."""
    normaliser: Normaliser
    chain: Chain
    edges: EdgeSnapshot
    versions: I64
    ids: Sequence[bytes]
    """Id of each row as 16 bytes; longer than `rows` once the view has grown."""
    axes: F64
    """Shape (rows, width), padded with NaN."""
    position: int

    def ages_s(self, now: datetime) -> F64:
        """Seconds from when each row happened to `now`, shape (rows,)."""
        happened = self.columns.happened_at(self.rows)
        return (microseconds(now) - happened).astype(np.float64) / 1e6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Parts:
    """What a whole view is put together from; every part has the same rows."""

    slab: Slab
    lexical: LexicalIndex
    columns: Columns
    chains: Chains
    ids: list[bytes]
    alive: Mask
    embedded: Mask
    versions: I64
    axes: F64
    position: int


class View:
    """The rows of one namespace, append-only: an update kills the old row and adds a new one.

    One writer at a time (the registry's lock); `snapshot()` is taken under the same lock and
    read anywhere. Versions fence: an older version of a memory never replaces a newer one,
    and a tombstone stays known, so late or repeated changes do no harm. A `light` one holds no
    vectors, only which rows have one.
    """

    def __init__(
        self, namespace: str, *, dim: int, analyzer: Analyzer, light: bool = False
    ) -> None:
        self.namespace = namespace
        self.is_light = light
        self._dim = dim
        self._analyzer = analyzer
        self._slab = Slab(dim, capacity=16)
        self._lexical = LexicalIndex()
        self._columns = Columns()
        self._chains = Chains()
        self._edges = Edges()
        self._reservoir = Reservoir()
        self._ids: list[bytes] = []  # bytes: the collector need not look at them
        self._row_of: dict[bytes, int] = {}
        self._tombstones: dict[bytes, int] = {}
        self._older_tombstones: dict[bytes, int] = {}
        self._alive = Grown(np.bool_)
        self._embedded = Grown(np.bool_)
        self._importance = Grown(np.float64)
        self._versions = Grown(np.int64)
        self._axes: F64 = np.full((16, 4), np.nan)
        self._placeholder = np.zeros((1, dim), dtype=np.float32)
        self._placeholder[0, 0] = 1.0
        self._snapshot: Snapshot | None = None
        self._recent: OrderedDict[int, None] = OrderedDict()
        self.position = 0

    @classmethod
    def assembled(cls, namespace: str, *, dim: int, analyzer: Analyzer, parts: Parts) -> "View":
        """A view of these parts, which become its own; samples are still to come.

        Raises:
            Corrupt: a memory has two live rows.
        """
        view = cls(namespace, dim=dim, analyzer=analyzer)
        view._slab, view._lexical = parts.slab, parts.lexical
        view._columns, view._chains = parts.columns, parts.chains
        view._ids = parts.ids
        live = np.flatnonzero(parts.alive).tolist()
        view._row_of = {parts.ids[row]: row for row in live}
        if len(view._row_of) != len(live):
            raise Corrupt("a memory has two live rows")
        view._alive, view._embedded = Grown.holding(parts.alive), Grown.holding(parts.embedded)
        view._importance = Grown.holding(parts.columns.importances(len(parts.ids)))
        view._versions = Grown.holding(parts.versions)
        view._axes = parts.axes
        view.position = parts.position
        return view

    # -- reading ---------------------------------------------------------------------------

    @property
    def live(self) -> int:
        return len(self._row_of)

    @property
    def rows(self) -> int:
        return len(self._ids)

    @property
    def nbytes(self) -> int:
        """Bytes held by the view's arrays (an estimate for its dictionaries)."""
        arrays = (self._alive, self._embedded, self._importance, self._versions)
        return (
            self._slab.nbytes
            + self._lexical.nbytes
            + self._columns.nbytes
            + self._chains.nbytes
            + self._edges.nbytes
            + sum(array.nbytes for array in arrays)
            + self._axes.nbytes
            + 200 * len(self._ids)
            + 150 * (len(self._tombstones) + len(self._older_tombstones))
        )

    @property
    def slab_bytes(self) -> int:
        return self._slab.nbytes

    @property
    def columns(self) -> Columns:
        return self._columns

    def version_of(self, memory: bytes) -> int:
        """Newest version the view knows of, tombstones included; 0 for none."""
        row = self._row_of.get(memory)
        if row is None:
            return self._tombstones.get(memory) or self._older_tombstones.get(memory, 0)
        return int(self._versions.view()[row])

    def has_seen(self, position: int) -> bool:
        """Whether the event at just this position was taken in lately; False proves nothing."""
        return position in self._recent

    def row_of(self, memory: bytes) -> int | None:
        """The number of the memory's live row, in the snapshots of this moment."""
        return self._row_of.get(memory)

    def ids_in_row_order(self) -> Sequence[bytes]:
        return self._ids

    @property
    def importance_method(self) -> str | None:
        """That of the last snapshot, on any thread; None before the first."""
        snapshot = self._snapshot
        return None if snapshot is None else snapshot.normaliser.method

    def snapshot(self) -> Snapshot:
        """The present state; the same object until something changes."""
        if self._snapshot is None:
            rows = self.rows
            normaliser = self._reservoir.normaliser()
            previous, following, session = self._chains.arrays()
            self._snapshot = Snapshot(
                rows=rows,
                slab=self._slab.snapshot(),
                lexical=self._lexical.snapshot(),
                columns=self._columns,
                alive=self._alive.view().copy(),
                embedded=self._embedded.view().copy(),
                norms=normaliser.apply(self._importance.view()),
                normaliser=normaliser,
                chain=Chain(previous=previous, next=following, session=session),
                edges=self._edges.snapshot(),
                versions=self._versions.view().copy(),
                ids=self._ids,
                axes=self._axes[:rows],
                position=self.position,
            )
        return self._snapshot

    def prepare(self) -> None:
        """Make on this thread what the first search would else make (ADR 041)."""
        self._slab.snapshot().prepare()

    # -- writing ---------------------------------------------------------------------------

    def apply(
        self,
        rows: Sequence[ViewRow],
        samples: Sequence[Sample] = (),
        links: Sequence[LinkRow] = (),
    ) -> int:
        """Take in changed rows, samples and links, in any order, repeats allowed.

        Gives how many rows and links were new.

        Raises:
            Corrupt: a vector of another dimension or length, or a live row without a time;
                nothing changed.
        """
        self._check(rows)
        applied = 0
        fresh: list[ViewRow] = []
        for row in rows:
            if self._is_news(row):
                applied += 1
                memory = row.id.bytes
                self._kill(memory)
                if row.deleted:
                    self._tombstones[memory] = row.version
                else:
                    self._tombstones.pop(memory, None)
                    self._older_tombstones.pop(memory, None)
                    self._row_of[memory] = self._reserve(row)
                    self._edges.place(memory, self._row_of[memory])
                    fresh.append(row)
            self._note(row.position)
        self._append_vectors(fresh)
        applied += self._edges.apply(links, self._row_of)
        for link in links:
            self._note(link.position)
        self._reservoir.add(samples)
        for sample in samples:
            self.position = max(self.position, sample.position)
        if applied or samples:
            self._snapshot = None
        return applied

    def advance(self, position: int) -> None:
        """Note that all events up to `position` have been seen."""
        if position > self.position:
            self.position = position
            self._snapshot = None

    def forget_tombstones(self) -> None:
        """Forget the deletions that were known before the last call of this.

        They fence only writes that were under way when they came; whoever calls leaves more
        time between than any write takes.
        """
        self._older_tombstones = self._tombstones
        self._tombstones = {}
        self._edges.forget_fences()

    def wants_compaction(self) -> bool:
        dead = self.rows - self.live
        return dead >= COMPACT_AT_LEAST and dead > COMPACT_AT_DEAD_SHARE * self.rows

    def compact(self) -> None:
        """Drop dead rows; snapshots taken before keep their own arrays."""
        keep = self._alive.view().copy()
        if not self.is_light:
            self._slab = self._slab.compact(keep)
        self._lexical = self._lexical.compact(keep)
        self._columns = self._columns.compact(keep)
        self._chains = self._chains.compact(keep)
        self._edges.renumber(keep)
        self._ids = [self._ids[row] for row in np.flatnonzero(keep)]
        self._row_of = {memory: row for row, memory in enumerate(self._ids)}
        self._alive = self._alive.kept(keep)
        self._embedded = self._embedded.kept(keep)
        self._importance = self._importance.kept(keep)
        self._versions = self._versions.kept(keep)
        self._axes = self._axes[: keep.shape[0]][keep]
        self._snapshot = None

    def wants_link_compaction(self) -> bool:
        return self._edges.wants_compaction()

    def compact_links(self) -> None:
        """Drop links that are no more; snapshots taken before keep their own arrays."""
        self._edges = self._edges.compacted()
        self._snapshot = None

    def _note(self, position: int) -> None:
        self.position = max(self.position, position)
        self._recent[position] = None
        if len(self._recent) > RECENT_POSITIONS:
            self._recent.popitem(last=False)

    def _check(self, rows: Sequence[ViewRow]) -> None:
        vectors = [row.vector for row in rows if row.vector is not None]
        try:
            if vectors:
                checked_units(np.stack(vectors), self._dim)
        except ValueError as error:  # of different shapes
            raise Corrupt("a stored vector has another dimension") from error
        except InvalidInput as error:
            raise Corrupt(f"a stored vector is none of this model's: {error.detail}") from error
        for row in rows:
            if not row.deleted:
                known_time(row.created_at)
                known_time(row.updated_at)

    # -- the parts of it -------------------------------------------------------------------

    def _is_news(self, row: ViewRow) -> bool:
        known = self.version_of(row.id.bytes)
        if row.version != known:
            return row.version > known
        at = self._row_of.get(row.id.bytes)
        if at is None or row.vector is None:
            return False
        if self.is_light or not self._embedded.view()[at]:
            return not self._embedded.view()[at]
        return not self._slab.holds(at, row.vector)

    def _kill(self, memory: bytes) -> None:
        row = self._row_of.pop(memory, None)
        if row is not None:
            self._alive.view()[row] = False
            self._chains.remove(row)
            self._edges.place(memory, NOWHERE)

    def _reserve(self, row: ViewRow) -> int:
        """Everything but the vector; vectors are appended together at the end of `apply`."""
        number = len(self._ids)
        self._ids.append(row.id.bytes)
        self._alive.append(True)
        self._embedded.append(row.vector is not None)
        self._importance.append(row.importance)
        self._versions.append(row.version)
        self._columns.append(attributes_of(row, with_payload=bool(self._columns.paths)))
        text = indexed_text(row.text, source=row.source, occurred_at=row.occurred_at)
        self._lexical.append(self._analyzer.terms(text))
        self._chains.append(
            row.session,
            microseconds(happened_at(row)),
            microseconds(known_time(row.created_at)),
            row.id.int >> 65,
        )
        self._place(number, row.coordinate.axes)
        return number

    def _place(self, number: int, axes: tuple[float, ...]) -> None:
        rows, width = self._axes.shape
        if number >= rows or len(axes) > width:
            grown = np.full((max(rows, 16, 2 * number), max(width, len(axes))), np.nan)
            grown[:rows, :width] = self._axes
            self._axes = grown
        self._axes[number, : len(axes)] = axes

    def _append_vectors(self, rows: Sequence[ViewRow]) -> None:
        if rows and not self.is_light:
            block = np.concatenate(
                [self._placeholder if r.vector is None else r.vector[np.newaxis, :] for r in rows]
            )
            self._slab.append(block)
