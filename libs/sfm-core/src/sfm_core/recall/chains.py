"""Episodic chains: the memories of each session in the order they happened."""

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from sfm_core.errors import Corrupt
from sfm_core.grown import Grown
from sfm_core.model import I32, I64, Mask

NONE = -1


class Chains:
    """Previous and next row within a session, kept up as rows come and go.

    Order in a session: when it happened, then when it was born (`created_at`, which an edit
    does not move), both in microseconds, then `tie`, which every replica must give alike. Rows
    without a session stand alone. One writer; readers use the copies that `arrays()` gives.
    """

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._members: list[list[int]] = []
        self._session: Grown[np.int32] = Grown(np.int32)
        self._previous: Grown[np.int32] = Grown(np.int32)
        self._next: Grown[np.int32] = Grown(np.int32)
        self._happened: Grown[np.int64] = Grown(np.int64)
        self._born: Grown[np.int64] = Grown(np.int64)
        self._tie: Grown[np.int64] = Grown(np.int64)

    @classmethod
    def restore(
        cls, codes: I32, sessions: Sequence[str], happened_us: I64, born_us: I64, tie: I64
    ) -> "Chains":
        """The chains of rows (n,) in these sessions; code -1 stands for none, and for dead rows.

        Raises:
            Corrupt: a code names no session.
        """
        if codes.size and int(codes.max()) >= len(sessions):
            raise Corrupt("the sessions of a view do not fit together")
        fresh = cls()
        fresh._codes = {name: code for code, name in enumerate(sessions)}
        fresh._session = Grown.holding(codes)
        fresh._happened, fresh._born = Grown.holding(happened_us), Grown.holding(born_us)
        fresh._tie = Grown.holding(tie)
        order: I64 = np.lexsort((tie, born_us, happened_us, codes))
        order = order[np.searchsorted(codes[order], 0) :]
        previous: I32 = np.full(codes.shape[0], NONE, dtype=np.int32)
        following = previous.copy()
        together = codes[order[1:]] == codes[order[:-1]]
        previous[order[1:][together]] = order[:-1][together]
        following[order[:-1][together]] = order[1:][together]
        fresh._previous, fresh._next = Grown.holding(previous), Grown.holding(following)
        ends = np.searchsorted(codes[order], np.arange(1, len(sessions)))
        fresh._members = [part.tolist() for part in np.split(order, ends)] if sessions else []
        return fresh

    def append(self, session: str | None, happened_us: int, born_us: int, tie: int) -> int:
        """Add the next row; its number."""
        row = len(self._session)
        code = NONE
        if session is not None:
            code = self._codes.setdefault(session, len(self._codes))
            if code == len(self._members):
                self._members.append([])
        self._session.append(code)
        self._previous.append(NONE)
        self._next.append(NONE)
        self._happened.append(happened_us)
        self._born.append(born_us)
        self._tie.append(tie)
        if code != NONE:
            self._link(code, row)
        return row

    def remove(self, row: int) -> None:
        """Take a row out of its chain; its neighbours become neighbours of each other."""
        code = int(self._session.view()[row])
        if code == NONE:
            return
        members = self._members[code]
        at = self._place(members, row)
        del members[at]
        previous, following = self._previous.view(), self._next.view()
        before, after = int(previous[row]), int(following[row])
        if before != NONE:
            following[before] = after
        if after != NONE:
            previous[after] = before
        previous[row] = following[row] = NONE
        self._session.view()[row] = NONE

    def arrays(self) -> tuple[I32, I32, I32]:
        """Copies of (previous, next, session code), each (rows,), -1 for none."""
        return (
            self._previous.view().copy(),
            self._next.view().copy(),
            self._session.view().copy(),
        )

    def members(self, code: int) -> list[int]:
        """Rows of one session, in chain order."""
        return list(self._members[code])

    def compact(self, keep: Mask) -> "Chains":
        """Chains over the kept rows only, renumbered in order; dropped rows must be removed."""
        fresh = Chains()
        renumbered: I32 = np.full(keep.shape[0] + 1, NONE, dtype=np.int32)
        renumbered[:-1][keep] = np.arange(np.count_nonzero(keep), dtype=np.int32)
        recoded: I32 = np.full(len(self._members) + 1, NONE, dtype=np.int32)
        for name, code in self._codes.items():
            if rows := self._members[code]:  # a session that nobody is in any more is forgotten
                recoded[code] = fresh._codes[name] = len(fresh._members)
                fresh._members.append([int(renumbered[row]) for row in rows])
        fresh._session = self._session.kept(keep)
        fresh._session.view()[:] = recoded[fresh._session.view()]
        fresh._happened = self._happened.kept(keep)
        fresh._born = self._born.kept(keep)
        fresh._tie = self._tie.kept(keep)
        fresh._previous = self._previous.kept(keep)
        fresh._next = self._next.kept(keep)
        for links in (fresh._previous, fresh._next):
            links.view()[:] = renumbered[links.view()]
        return fresh

    @property
    def nbytes(self) -> int:
        columns = (self._session, self._previous, self._next, self._happened, self._born, self._tie)
        sessions = 150 * len(self._codes)
        return sum(column.nbytes for column in columns) + 8 * len(self._session) + sessions

    def _link(self, code: int, row: int) -> None:
        members = self._members[code]
        at = self._place(members, row)
        members.insert(at, row)
        previous, following = self._previous.view(), self._next.view()
        if at > 0:
            previous[row] = members[at - 1]
            following[members[at - 1]] = row
        if at + 1 < len(members):
            following[row] = members[at + 1]
            previous[members[at + 1]] = row

    def _place(self, members: list[int], row: int) -> int:
        if members and self._key(members[-1]) < self._key(row):
            return len(members)
        return bisect_left(members, self._key(row), key=self._key)

    def _key(self, row: int) -> tuple[int, int, int]:
        return (
            int(self._happened.view()[row]),
            int(self._born.view()[row]),
            int(self._tie.view()[row]),
        )
