"""Where rows stand in their sessions, as arrays."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sfm_core.model import I32, I64, Mask


@dataclass(frozen=True, kw_only=True, eq=False)
class Chain:
    """Where each row stands in its session; all arrays (rows,), -1 for none.

    What is derived is made at its first use and kept: 40 bytes a row.
    """

    previous: I32
    next: I32
    session: I32
    """Session code."""

    @cached_property
    def around(self) -> tuple[I64, I64, I64, I64]:
        """Previous, next, their previous and next; the row itself where there is none."""
        previous, following = _or_self(self.previous), _or_self(self.next)
        before = np.where(self.previous >= 0, self.previous[previous], np.int32(-1))
        after = np.where(self.next >= 0, self.next[following], np.int32(-1))
        return previous, following, _or_self(before), _or_self(after)

    @cached_property
    def codes(self) -> I64:
        """`session`, ready to index with; `sessions` stands for none."""
        return np.where(self.session >= 0, self.session, self.sessions).astype(np.int64)

    @cached_property
    def all_in_sessions(self) -> bool:
        return bool((self.session >= 0).all())

    @cached_property
    def sessions(self) -> int:
        """How many session codes there may be: all lie below."""
        return int(self.session.max(initial=-1)) + 1

    def among(self, live: Mask) -> "Chain":
        """The chain as if the other rows had never been: links step over them."""
        if live.all():
            return self
        return Chain(
            previous=_bridged(self.previous, live),
            next=_bridged(self.next, live),
            session=np.where(live, self.session, np.int32(-1)),
        )

    def whole(self, rows: I64) -> I64:
        """`rows` (m,) and all that share a session with one of them, ascending."""
        chosen = np.zeros(self.sessions + 1, dtype=np.bool_)
        chosen[self.session[rows]] = True
        chosen[-1] = False  # rows without a session
        wanted: Mask = chosen[self.codes]
        wanted[rows] = True
        return np.flatnonzero(wanted)

    def part(self, rows: I64) -> "Chain":
        """The chain of `rows` (m,) alone, numbered anew; they are `whole`, session codes stay."""
        return Chain(
            previous=_renumbered(self.previous[rows], rows),
            next=_renumbered(self.next[rows], rows),
            session=self.session[rows],
        )


def _renumbered(links: I32, rows: I64) -> I32:
    at = np.searchsorted(rows, links).astype(np.int32)
    return np.where(links >= 0, at, np.int32(-1))


def _or_self(links: I32) -> I64:
    rows = np.arange(links.shape[0], dtype=np.int64)
    return np.where(links >= 0, links, rows)


def _bridged(to: I32, live: Mask) -> I32:
    """Links that skip rows that are not live; each round doubles how far one can skip."""
    links = to.copy()
    while True:
        stuck = np.flatnonzero((links >= 0) & ~live[links])
        if not stuck.size:
            links[~live] = -1
            return links
        links[stuck] = links[links[stuck]]
