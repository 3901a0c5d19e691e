"""Writing memories: store, remember, batches, delete; and reading them back by place."""

from sfm_core.remember.commits import Commits
from sfm_core.remember.content import content_key
from sfm_core.remember.use_case import Remember

__all__ = ["Commits", "Remember", "content_key"]
