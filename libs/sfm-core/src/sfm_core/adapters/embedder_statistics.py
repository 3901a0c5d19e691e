"""What an embedder says of itself while it works."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedderStatistics:
    waiting: int = 0
    """Texts accepted that no thread took yet."""
    running: int = 0
    """Texts on a thread now."""
    served: int = 0
    """Texts embedded since the start."""
    refused: int = 0
    """Calls turned away because the queue was full."""
    threads: int = 0
