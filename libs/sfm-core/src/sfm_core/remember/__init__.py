"""Writing memories, reading them back by place, and what becomes of them: patch to restore."""

from sfm_core.remember.commits import Commits
from sfm_core.remember.content import content_key
from sfm_core.remember.lifecycle import Lifecycle
from sfm_core.remember.use_case import Remember

__all__ = ["Commits", "Lifecycle", "Remember", "content_key"]
