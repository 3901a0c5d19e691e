"""How often somebody may call, and what the limiter says of one call."""

from dataclasses import dataclass
from typing import Final, Self

MICROS: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """`limit` calls at once, and after that one each `window_s / limit` seconds."""

    limit: int
    window_s: float

    @classmethod
    def of(cls, limit: int, window_s: float) -> Self | None:
        """None for a limit of 0, which is none."""
        return cls(limit=limit, window_s=window_s) if limit else None

    @property
    def interval_us(self) -> int:
        """Microseconds that one call costs; rounded down, so a steady caller is in time."""
        return max(1, int(self.window_s * MICROS) // self.limit)

    @property
    def burst_us(self) -> int:
        """How far ahead of the clock calls may run: what `limit` of them cost."""
        return self.interval_us * self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    allowed: bool
    remaining: int
    """Further calls that would be allowed at this moment."""
    retry_after_us: int
    """After so long one call is allowed again; 0 when this one was."""
    reset_us: int
    """After so long without a call, the whole of the limit is there again."""
