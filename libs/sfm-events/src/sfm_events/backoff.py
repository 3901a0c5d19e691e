"""How long to wait before the next try."""

import random
from typing import final


@final
class Backoff:
    """Waits that double up to a bound, each shortened by chance: many that wait come apart."""

    def __init__(self, *, first_s: float, most_s: float) -> None:
        self._first_s = first_s
        self._most_s = most_s
        self._tries = 0

    def following(self) -> float:
        """Seconds until the next try: half to all of what is due."""
        due = min(self._most_s, self._first_s * 2.0 ** min(self._tries, 32))
        self._tries += 1
        return due * (0.5 + random.random() / 2)

    def reset(self) -> None:
        """The last try succeeded."""
        self._tries = 0
