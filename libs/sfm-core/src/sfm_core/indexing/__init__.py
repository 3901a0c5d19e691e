"""What of a memory goes into a vector index, and how it gets there."""

from sfm_core.indexing.points import admitted, point_of
from sfm_core.indexing.writing import IndexWriter

__all__ = ["IndexWriter", "admitted", "point_of"]
