"""How much one request may be, and how long it may take."""

from dataclasses import dataclass
from typing import Final, Self

from sfm_core.runtime.api_settings import HttpSettings

MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    body_bytes: int = MIB
    batch_body_bytes: int = 16 * MIB
    body_s: float = 30.0
    """A body must have arrived within this time."""
    request_s: float = 30.0
    """A call must be answered within this time, the body's arrival included."""
    batch_s: float = 120.0
    """The same for batches."""
    stream_s: float = 120.0
    """The longest time for which nothing may move on an export or an import."""
    streams: int = 16
    """Exports and imports at once; one more is refused with 503."""
    in_flight: int = 256
    """Calls served at once; one more is refused with 503. Probes do not count."""

    followers: int = 64
    """Of these, how many may follow a log; one more is refused with 503."""

    @classmethod
    def of(cls, settings: HttpSettings) -> Self:
        """The defaults, with what the environment says of body sizes."""
        return cls(
            body_bytes=settings.max_request_body_bytes,
            batch_body_bytes=settings.max_batch_body_bytes,
        )
