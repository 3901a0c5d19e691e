"""Attributes of all rows of a recall view, as arrays: filters become row masks before top-k."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final

import numpy as np
import numpy.typing as npt

from sfm_core.coded import AnyArray, Cells, Coded, compared, importance_mask
from sfm_core.errors import Corrupt
from sfm_core.filters import SYSTEM_FIELDS, And, Attributes, Filter, Not, Or, Term, lookup, reached
from sfm_core.filters.matching import Reached, comparable
from sfm_core.model import F64, I32, I64, Kind, Mask
from sfm_core.times import microseconds

MAX_PAYLOAD_COLUMNS: Final = 64
NEVER: Final = int(np.iinfo(np.int64).max)
"""`expires_at` of rows that do not expire."""
_TEXTUAL: Final = frozenset({"@tags", "@session", "@source"})
"""Coded columns whose values are texts that callers gave."""
KIND_CODES: Final[Mapping[Kind, int]] = {Kind.EPISODIC: 0, Kind.SEMANTIC: 1}


@dataclass(frozen=True, slots=True)
class Draft:
    """Columns in the making: rows from number `rows` on are in them, those before are not."""

    rows: int
    columns: Mapping[str, Coded]

    def codes(self, payload: Mapping[str, object]) -> list[int]:
        """What `Columns.fill` wants for a row with this payload: a code per path, in order.

        Any thread may ask. A row without a payload has zeros.
        """
        return [column.code(lookup(payload, path)) for path, column in self.columns.items()]

    def kept(self, keep: Mask) -> "Draft":
        kept = {path: column.kept(keep, whole=True) for path, column in self.columns.items()}
        return Draft(int(np.count_nonzero(keep[: self.rows])), kept)


@dataclass(slots=True)
class _Usage:
    """Who needs which payload path, and when each was needed last; the event loop's own."""

    pins: Counter[str] = field(default_factory=Counter)
    used: dict[str, int] = field(default_factory=dict)
    clock: Iterator[int] = field(default_factory=count)

    def touch(self, paths: Iterable[str]) -> None:
        self.used.update((path, next(self.clock)) for path in sorted(paths))


class Columns:
    """One row per memory, append-only, in the view's numbering.

    Text, tags, kinds and payload paths are dictionary-coded: a comparison is evaluated once
    per distinct value, remembered, and gathered by code. Numbers and times are compared as
    arrays. A payload path gets its column in three steps: `begin`, from where on new rows are
    in it; `fill`, which adds the rows from before; `complete`. Beyond `MAX_PAYLOAD_COLUMNS` the
    least recently used column that nobody pinned goes.

    One writer (`append`, `begin`, `fill`, `complete`; `compact` gives a new object). `pin`,
    `unpin` and `complete` belong to the event loop. Any thread may read the first n rows, n
    being what `rows` was at some time, while the writer goes on: cells are written before they
    count, and growth leaves the arrays that a reader holds alone.

    Memory: 50 bytes per row, 4 per row and payload column, and the distinct values.
    """

    def __init__(self) -> None:
        self._rows = 0
        kinds = [(kind.value,) for kind in KIND_CODES]
        self._coded: dict[str, Coded] = {
            "@kind": Coded(np.int8, fixed=kinds),
            "@pinned": Coded(np.int8, fixed=[(comparable(flag),) for flag in (False, True)]),
            "@tags": Coded(),
            "@session": Coded(),
            "@source": Coded(),
        }
        self._importance = Cells(np.float64)
        self._times = {
            name: Cells(np.int64)
            for name in ("@created_at", "@updated_at", "@occurred_at", "expires_at")
        }
        self._payload: dict[str, Coded] = {}
        self._draft: Draft | None = None
        self._usage = _Usage()

    @property
    def rows(self) -> int:
        return self._rows

    @property
    def paths(self) -> frozenset[str]:
        """Payload paths that `append` looks up; without any, it does not look at payloads."""
        return frozenset(self._payload) | (self._draft.columns.keys() if self._draft else set())

    @property
    def draft(self) -> Draft | None:
        """The columns in the making; another object after a compaction."""
        return self._draft

    @property
    def nbytes(self) -> int:
        """Bytes held; for the distinct values, an estimate."""
        draft = () if self._draft is None else tuple(self._draft.columns.values())
        coded = (*self._coded.values(), *self._payload.values(), *draft)
        cells = (self._importance, *self._times.values())
        return sum(column.nbytes for column in coded) + sum(column.nbytes for column in cells)

    # -- writing ---------------------------------------------------------------------------

    def append(self, attributes: Attributes) -> int:
        """Add the next row; its number."""
        for name, column in self._coded.items():
            column.append(reached(attributes, name))
        for path, column in self._payload.items():
            column.append(lookup(attributes.payload, path))
        if self._draft is not None:
            for path, column in self._draft.columns.items():
                column.append(lookup(attributes.payload, path))
        expires_at = attributes.expires_at
        self._importance.append(attributes.importance)
        self._times["@created_at"].append(microseconds(attributes.created_at))
        self._times["@updated_at"].append(microseconds(attributes.updated_at))
        self._times["@occurred_at"].append(microseconds(attributes.occurred_at))
        self._times["expires_at"].append(NEVER if expires_at is None else microseconds(expires_at))
        self._rows += 1
        return self._rows - 1

    def begin(self, paths: Iterable[str]) -> Draft:
        """Make columns for those of the paths that have none; rows from now on are in them.

        Raises:
            ValueError: a draft is under way, or a system field.
        """
        wanted = sorted(frozenset(paths) - self._payload.keys())
        if self._draft is not None or SYSTEM_FIELDS & set(wanted):
            raise ValueError(f"no draft can begin for {wanted}")
        self._draft = Draft(self._rows, {path: Coded.absent(self._rows) for path in wanted})
        return self._draft

    def fill(self, codes: Iterable[I32]) -> None:
        """Place the codes of the draft's first rows: an array of shape (draft.rows,) per path.

        Raises:
            ValueError: no draft, or another number of paths or rows.
        """
        draft, given = self._draft, list(codes)
        if draft is None or [c.shape for c in given] != [(draft.rows,)] * len(draft.columns):
            raise ValueError("codes that do not fit the draft")
        for column, one in zip(draft.columns.values(), given, strict=True):
            column.fill(one)

    def complete(self) -> None:
        """Put the draft's columns to use, and let columns go that are too many."""
        if self._draft is not None:
            self._payload = {**self._payload, **self._draft.columns}
            self._usage.touch(self._draft.columns)
        self._draft = None
        self._trim()

    def abandon(self) -> None:
        """Drop the draft, if there is one."""
        self._draft = None

    def export(self, rows: int) -> tuple[Mapping[str, AnyArray], Mapping[str, list[Reached]]]:
        """The first rows as arrays, and the values of coded ones; without payload columns.

        Any thread may ask, with what `rows` was at some time.
        """
        arrays = {"@importance": self._importance.head(rows)}
        arrays |= {name: cells.head(rows) for name, cells in self._times.items()}
        values: dict[str, list[Reached]] = {}
        for name, column in self._coded.items():
            arrays[name], found = column.export(rows)
            if name in _TEXTUAL:
                values[name] = found
        return arrays, values

    @classmethod
    def restore(
        cls, arrays: Mapping[str, AnyArray], values: Mapping[str, Sequence[Sequence[object]]]
    ) -> "Columns":
        """The columns that were exported.

        Raises:
            Corrupt: the arrays do not fit together.
        """
        fresh = cls()
        fresh._importance = fresh._importance.holding(arrays["@importance"])
        fresh._times = {name: cells.holding(arrays[name]) for name, cells in fresh._times.items()}
        fresh._rows = len(fresh._importance)
        for name, column in fresh._coded.items():
            if name in _TEXTUAL:
                held = [tuple(value) for value in values[name]]
                fresh._coded[name] = Coded.restore(arrays[name], held)
            else:
                column.refill(arrays[name])
        lengths = {len(column) for column in fresh._coded.values()}
        lengths |= {len(cells) for cells in fresh._times.values()}
        if lengths != {fresh._rows}:
            raise Corrupt("the columns of a view have different lengths")
        return fresh

    def sessions(self, rows: int) -> tuple[I32, list[Reached]]:
        """Code of the session of each of the first rows, and what the codes stand for."""
        codes, values = self._coded["@session"].export(rows)
        return codes, values

    def compact(self, keep: Mask) -> "Columns":
        """New columns of the kept rows, renumbered in order; `keep` has shape (rows,).

        Values that no kept row has are forgotten. This object stays as it is.
        """
        fresh = Columns()
        fresh._coded = {name: column.kept(keep) for name, column in self._coded.items()}
        fresh._payload = {path: column.kept(keep) for path, column in self._payload.items()}
        fresh._importance = self._importance.kept(keep)
        fresh._times = {name: cells.kept(keep) for name, cells in self._times.items()}
        fresh._draft = self._draft and self._draft.kept(keep)
        fresh._usage = self._usage
        fresh._rows = int(np.count_nonzero(keep))
        return fresh

    # -- reading ---------------------------------------------------------------------------

    def pin(self, paths: Iterable[str]) -> None:
        """Keep the columns of these paths, present or to come, until `unpin`; compacted too."""
        self._usage.pins.update(paths)

    def unpin(self, paths: Iterable[str]) -> None:
        """Take one `pin` back."""
        paths = frozenset(paths)
        self._usage.pins -= Counter(paths)
        self._usage.touch(paths & self._payload.keys())
        self._trim()

    def missing(self, paths: Iterable[str]) -> frozenset[str]:
        """Those of the payload paths that have no column."""
        return frozenset(paths) - self._payload.keys()

    def mask(self, filter_: Filter, rows: int) -> Mask:
        """Which of the first `rows` rows the filter admits, shape (rows,); a fresh array.

        Equal to `matches` row by row. Cost: one gather per comparison, and, the first time a
        comparison is asked, one evaluation per distinct value.

        Raises:
            LookupError: a payload path has no column: it was neither pinned nor made.
            ValueError: there are fewer rows.
        """
        if rows > self._rows:
            raise ValueError(f"{rows} rows asked, {self._rows} there")
        match filter_:
            case Term():
                return self._term(filter_, rows)
            case Not():
                return ~self.mask(filter_.part, rows)
            case And():
                admitted: Mask = np.ones(rows, dtype=np.bool_)
                for part in filter_.parts:
                    admitted &= self.mask(part, rows)
                return admitted
            case Or():
                admitted = np.zeros(rows, dtype=np.bool_)
                for part in filter_.parts:
                    admitted |= self.mask(part, rows)
                return admitted

    def kinds(self, rows: int) -> npt.NDArray[np.int8]:
        """`KIND_CODES` of the first rows, shape (rows,); not a copy, like those below."""
        return self._coded["@kind"].codes(rows)

    def importances(self, rows: int) -> F64:
        """As the callers gave them."""
        return self._importance.head(rows)

    def created_at(self, rows: int) -> I64:
        """In microseconds since the epoch, like those below."""
        return self._times["@created_at"].head(rows)

    def updated_at(self, rows: int) -> I64:
        return self._times["@updated_at"].head(rows)

    def happened_at(self, rows: int) -> I64:
        """The effective `@occurred_at`."""
        return self._times["@occurred_at"].head(rows)

    def expires_at(self, rows: int) -> I64:
        """`NEVER` where a row does not expire."""
        return self._times["expires_at"].head(rows)

    def _term(self, term: Term, rows: int) -> Mask:
        if term.field in self._times:
            return compared(self._times[term.field].head(rows), term)
        if term.field == "@importance":
            return importance_mask(self._importance.head(rows), term)
        held = self._coded if term.field in SYSTEM_FIELDS else self._payload
        column = held.get(term.field)
        if column is None:
            raise LookupError(f"no column for {term.field}")
        return column.mask(term, rows)

    def _trim(self) -> None:
        held, usage = self._payload, self._usage
        free = sorted(held.keys() - usage.pins.keys(), key=lambda path: usage.used.get(path, -1))
        gone = free[: max(0, len(held) - MAX_PAYLOAD_COLUMNS)]
        if gone:
            self._payload = {path: held[path] for path in held if path not in gone}
            for path in gone:
                usage.used.pop(path, None)
