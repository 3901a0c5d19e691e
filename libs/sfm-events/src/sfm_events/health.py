"""What a background part of a service says of itself to a probe."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Health:
    ready: bool
    detail: str = ""
    """Why not."""


READY = Health(ready=True)
