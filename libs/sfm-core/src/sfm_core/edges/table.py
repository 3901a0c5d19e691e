"""The links of one namespace as arrays, and their neighbourhoods."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np
import numpy.typing as npt

from sfm_core.grown import Grown
from sfm_core.model import F64, I32, I64, LinkRow, Mask

type U64 = npt.NDArray[np.uint64]
type Key = int
"""Nodes and type of a link in one number."""
type Name = tuple[bytes, bytes, str]
"""Ids of origin and target, and the type."""

NOWHERE: Final = -1
"""Row of a node whose memory does not live."""
TAIL: Final = 4096
"""Links since the last index that a look-around goes through one by one."""
COMPACT_AT_LEAST: Final = 1024
COMPACT_AT_DEAD_SHARE: Final = 0.25
_EDGE_BYTES: Final = 150
_NODE_BYTES: Final = 170


@dataclass(frozen=True, slots=True)
class _Index:
    """Which links touch which node, for the first `edges` links."""

    edges: int
    start: I64
    """Shape (nodes + 1,): where in `touching` each node's links lie."""
    touching: I32

    @classmethod
    def of(cls, origin: I32, target: I32, nodes: int) -> "_Index":
        edges = origin.shape[0]
        ends = np.concatenate([origin, target])
        order = np.argsort(ends, kind="stable")
        start = np.zeros(nodes + 1, dtype=np.int64)
        np.cumsum(np.bincount(ends, minlength=nodes), out=start[1:])
        touching = np.where(order < edges, order, order - edges).astype(np.int32)
        return cls(edges, start, touching)


@dataclass(slots=True)
class _Indexes:
    """The latest index of one table: good for each of its snapshots, whoever makes it."""

    latest: _Index | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeSnapshot:
    """The links at one moment; nothing in it changes, whichever thread reads it.

    A node is a memory that has, or had, a link. Arrays are (nodes,) or (edges,).
    """

    rows: I32
    """Row of each node's memory in the view, `NOWHERE` when it does not live."""
    degrees: I32
    """How many links touch each node."""
    high: U64
    low: U64
    """Ids of the nodes, as two numbers that together order as the ids do."""
    origin: I32
    target: I32
    type: I32
    weight: F64
    """0: the link is no more."""
    ids: Sequence[bytes]
    node_of: Mapping[bytes, int]
    types: Mapping[str, int]
    indexes: _Indexes

    @property
    def nodes(self) -> int:
        return len(self.rows)

    def node(self, memory: bytes) -> int | None:
        node = self.node_of.get(memory)
        return None if node is None or node >= self.nodes else node

    def linked_nodes(self) -> I64:
        """Nodes that a link touches and whose memory lives, ascending."""
        return np.flatnonzero((self.degrees > 0) & (self.rows >= 0))

    def around(self, nodes: I64) -> tuple[I64, I64]:
        """Links that touch these distinct nodes: (place in `nodes`, link), shapes (m,).

        A link between two of them comes twice. Cost: what is given back, and one pass over the
        nodes and the last few links.
        """
        index = self._index()
        known = nodes[nodes < index.start.shape[0] - 1]
        first = np.zeros(nodes.shape[0], dtype=np.int64)
        count = np.zeros(nodes.shape[0], dtype=np.int64)
        among = nodes < index.start.shape[0] - 1
        first[among], count[among] = index.start[known], np.diff(index.start)[known]
        place = np.repeat(np.arange(nodes.shape[0]), count)
        offset = np.arange(place.shape[0]) - np.repeat(np.cumsum(count) - count, count)
        edge = index.touching[first[place] + offset].astype(np.int64)
        tail_place, tail_edge = self._tail(index.edges, nodes)
        place, edge = np.concatenate([place, tail_place]), np.concatenate([edge, tail_edge])
        alive = edge < self.weight.shape[0]  # an index may know of later links
        alive[alive] = self.weight[edge[alive]] > 0.0
        return place[alive], edge[alive]

    def walk(self) -> Callable[[int], I32 | I64]:
        """`around` for one node at a time, made for many calls: gives its links, ended ones too."""
        index, edges = self._index(), self.weight.shape[0]
        start, touching, known = index.start, index.touching, index.start.shape[0] - 1
        late: dict[int, list[int]] = {}
        for edge in range(index.edges, edges):
            late.setdefault(int(self.origin[edge]), []).append(edge)
            late.setdefault(int(self.target[edge]), []).append(edge)

        def around(node: int) -> I32 | I64:
            found = touching[start[node] : start[node + 1]] if node < known else touching[:0]
            if index.edges > edges:
                found = found[found < edges]
            more = late.get(node)
            return np.concatenate([found, more]) if more else found

        return around

    def _tail(self, since: int, nodes: I64) -> tuple[I64, I64]:
        where = np.full(self.nodes, NOWHERE, dtype=np.int64)
        where[nodes] = np.arange(nodes.shape[0])
        places = np.concatenate([where[self.origin[since:]], where[self.target[since:]]])
        late = np.arange(since, max(since, self.weight.shape[0]), dtype=np.int64)
        hit = places >= 0
        return places[hit], np.concatenate([late, late])[hit]

    def _index(self) -> _Index:
        latest, edges = self.indexes.latest, self.weight.shape[0]
        if latest is None or edges - latest.edges > TAIL:
            latest = self.indexes.latest = _Index.of(self.origin, self.target, self.nodes)
        return latest


@final
class Edges:
    """Grows link by link; a change is a new weight in place, an end the weight 0.

    One writer; `snapshot()` is taken under the writer's lock and read anywhere. Versions fence:
    an older version of a link never replaces a newer one, nor one that is no more.
    """

    def __init__(self) -> None:
        self._ids: list[bytes] = []
        self._node_of: dict[bytes, int] = {}
        self._types: dict[str, int] = {}
        self._type_names: list[str] = []
        self._edge_of: dict[Key, int] = {}
        self._fences: dict[Name, int] = {}
        self._older_fences: dict[Name, int] = {}
        self._high, self._low = Grown(np.uint64), Grown(np.uint64)
        self._rows, self._degrees = Grown(np.int32), Grown(np.int32)
        self._origin, self._target, self._type = Grown(np.int32), Grown(np.int32), Grown(np.int32)
        self._weight, self._version = Grown(np.float64), Grown(np.int64)
        self._indexes = _Indexes()
        self._live = 0
        self._snapshot: EdgeSnapshot | None = None

    @property
    def live(self) -> int:
        """How many links there are."""
        return self._live

    @property
    def nbytes(self) -> int:
        arrays = (
            *(self._high, self._low, self._rows, self._degrees, self._origin, self._target),
            *(self._type, self._weight, self._version),
        )
        index = self._indexes.latest
        fences = len(self._fences) + len(self._older_fences)
        return (
            sum(array.nbytes for array in arrays)
            + (0 if index is None else index.start.nbytes + index.touching.nbytes)
            + _EDGE_BYTES * (len(self._edge_of) + fences)
            + _NODE_BYTES * len(self._ids)
        )

    def snapshot(self) -> EdgeSnapshot:
        """The present state; the same object until something changes."""
        if self._snapshot is None:
            self._snapshot = EdgeSnapshot(
                rows=self._rows.view().copy(),
                degrees=self._degrees.view().copy(),
                high=self._high.view(),
                low=self._low.view(),
                origin=self._origin.view(),
                target=self._target.view(),
                type=self._type.view(),
                weight=self._weight.view().copy(),
                ids=self._ids,
                node_of=self._node_of,
                types=self._types,
                indexes=self._indexes,
            )
        return self._snapshot

    def apply(self, links: Sequence[LinkRow], row_of: Mapping[bytes, int]) -> int:
        """Take in changed links, in any order, repeats allowed; how many were news.

        `row_of` tells the rows of live memories.
        """
        return sum(self._take(link, row_of) for link in links)

    def place(self, memory: bytes, row: int) -> None:
        """Note the row of a memory; `NOWHERE`: it lives no more."""
        node = self._node_of.get(memory)
        if node is not None:
            self._rows.view()[node] = row
            self._snapshot = None

    def renumber(self, keep: Mask) -> None:
        """Follow a compaction of the view that keeps these rows (rows,)."""
        renumbered = np.full(keep.shape[0] + 1, NOWHERE, dtype=np.int32)
        renumbered[:-1][keep] = np.arange(np.count_nonzero(keep), dtype=np.int32)
        self._rows.view()[:] = renumbered[self._rows.view()]
        self._snapshot = None

    def forget_fences(self) -> None:
        """Forget the ended links that were known, and compacted, before the last call of this."""
        self._older_fences, self._fences = self._fences, {}

    def wants_compaction(self) -> bool:
        dead = len(self._weight) - self._live
        return dead >= COMPACT_AT_LEAST and dead > COMPACT_AT_DEAD_SHARE * len(self._weight)

    def compacted(self) -> "Edges":
        """The same links without those that are no more; what is known of their end stays."""
        fresh = Edges()
        fresh._older_fences = dict(self._older_fences)
        fresh._fences = dict(self._fences)
        rows = self._rows.view().tolist()
        columns = (self._origin, self._target, self._type, self._weight, self._version)
        links = zip(*(column.view().tolist() for column in columns), strict=True)
        for origin, target, code, weight, version in links:
            kind = self._type_names[code]
            name = (self._ids[origin], self._ids[target], kind)
            if weight > 0.0:
                begins, leads = (
                    fresh._node(self._ids[node], rows[node]) for node in (origin, target)
                )
                fresh._append(begins, leads, kind, weight, version)
            else:
                fresh._fences[name] = version
        return fresh

    # -- the parts of it -------------------------------------------------------------------

    def _take(self, link: LinkRow, row_of: Mapping[bytes, int]) -> bool:
        name = (link.origin.bytes, link.target.bytes, link.type)
        edge = self._edge(name)
        if link.version <= self._known(name, edge):
            return False
        self._snapshot = None
        if edge is None and link.deleted:
            self._fences[name] = link.version
        elif edge is None:
            self._fences.pop(name, None)
            self._older_fences.pop(name, None)
            ends = [self._node(end, row_of.get(end, NOWHERE)) for end in name[:2]]
            self._append(ends[0], ends[1], link.type, link.weight, link.version)
        else:
            self._version.view()[edge] = link.version
            self._weigh(edge, 0.0 if link.deleted else link.weight)
        return True

    def _edge(self, name: Name) -> int | None:
        origin, target = self._node_of.get(name[0]), self._node_of.get(name[1])
        kind = self._types.get(name[2])
        if origin is None or target is None or kind is None:
            return None
        return self._edge_of.get(_key(origin, target, kind))

    def _known(self, name: Name, edge: int | None) -> int:
        if edge is not None:
            return int(self._version.view()[edge])
        return self._fences.get(name) or self._older_fences.get(name, 0)

    def _node(self, memory: bytes, row: int) -> int:
        node = self._node_of.get(memory)
        if node is None:
            node = self._node_of[memory] = len(self._ids)
            self._ids.append(memory)
            self._high.append(int.from_bytes(memory[:8], "big"))
            self._low.append(int.from_bytes(memory[8:], "big"))
            self._rows.append(row)
            self._degrees.append(0)
        return node

    def _append(self, origin: int, target: int, kind: str, weight: float, version: int) -> None:
        code = self._types.setdefault(kind, len(self._types))
        if code == len(self._type_names):
            self._type_names.append(kind)
        self._edge_of[_key(origin, target, code)] = len(self._weight)
        self._origin.append(origin)
        self._target.append(target)
        self._type.append(code)
        self._weight.append(weight)
        self._version.append(version)
        self._count(origin, target, 1)

    def _weigh(self, edge: int, weight: float) -> None:
        before = self._weight.view()[edge]
        self._weight.view()[edge] = weight
        step = int(weight > 0.0) - int(before > 0.0)
        if step:
            self._count(int(self._origin.view()[edge]), int(self._target.view()[edge]), step)

    def _count(self, origin: int, target: int, step: int) -> None:
        self._live += step
        degrees = self._degrees.view()
        degrees[origin] += step
        degrees[target] += step


def _key(origin: int, target: int, kind: int) -> Key:
    return (origin << 64) | (target << 32) | kind
