"""How long to wait before trying again."""

from random import Random
from typing import Final

FIRST_S: Final = 1.0
LONGEST_S: Final = 20.0
"""Short enough that what was owed is paid soon after an outage ends, however long it was."""


def delay_s(attempts: int, random: Random) -> float:
    """Before the next attempt, after this many that failed: doubled each time up to `LONGEST_S`,
    and between a half and all of that, so that what failed together does not come back together.
    """
    whole = min(LONGEST_S, FIRST_S * 2.0 ** min(max(0, attempts - 1), 16))
    return whole * (0.5 + random.random() / 2)
