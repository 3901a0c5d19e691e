"""What is known of an embedder."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedderInfo:
    name: str
    """`onnx:<model>` or `hash`."""
    model_revision: str
    dim: int
    floor: float
    """Cosine that unrelated texts have under this model."""
    semantic: bool
    """False for the hash embedder: it matches words and characters, not meaning."""
    extra: Mapping[str, str] = field(default_factory=dict)
