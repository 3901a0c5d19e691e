"""What of a memory goes into a vector index, and how it gets there."""

from sfm_core.indexing.points import admitted, point_of

__all__ = ["admitted", "point_of"]
