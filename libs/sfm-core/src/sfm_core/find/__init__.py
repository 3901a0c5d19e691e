"""Finding memories by place and by words, over ports only."""

from sfm_core.find.use_case import Find

__all__ = ["Find"]
