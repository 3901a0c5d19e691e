"""Who is served next: callers take turns, one piece of work at a time."""

from collections import deque
from collections.abc import Hashable


class Turns[Caller: Hashable]:
    """Callers with pieces of work left, in the order of their turns.

    A caller who just got a turn goes to the end of the line, so one piece of work waits for at
    most one piece of every other caller, however many those have. Not for use across threads.
    """

    def __init__(self) -> None:
        self._line: deque[Caller] = deque()
        self._left: dict[Caller, int] = {}
        self._waiting = 0

    @property
    def waiting(self) -> int:
        """Pieces that nobody took yet, of all callers."""
        return self._waiting

    def join(self, caller: Caller, pieces: int) -> None:
        """Stand in line with so many pieces, at least one; a caller joins once."""
        self._line.append(caller)
        self._left[caller] = pieces
        self._waiting += pieces

    def take(self) -> Caller | None:
        """The caller whose turn it is, with one piece fewer left; None when nobody waits."""
        if not self._line:
            return None
        caller = self._line.popleft()
        self._waiting -= 1
        self._left[caller] -= 1
        if self._left[caller]:
            self._line.append(caller)
        else:
            del self._left[caller]
        return caller

    def leave(self, caller: Caller) -> None:
        """Take what is left of this caller's work out of the line; fine if nothing is."""
        left = self._left.pop(caller, 0)
        if left:
            self._line.remove(caller)
            self._waiting -= left

    def callers(self) -> tuple[Caller, ...]:
        """Everyone in line, the next first."""
        return tuple(self._line)
