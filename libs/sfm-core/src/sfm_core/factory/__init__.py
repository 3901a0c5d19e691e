"""Where ports meet adapters: an open runtime for a service, or a facade for a program."""

from sfm_core.factory.opening import open_runtime, user_cache
from sfm_core.factory.policies import upkeep_policy_of
from sfm_core.factory.programs import MemoryMode, create_memory_system
from sfm_core.factory.stores import IN_MEMORY, Stores
from sfm_core.factory.workers import Worker, open_worker

__all__ = [
    "IN_MEMORY",
    "MemoryMode",
    "Stores",
    "Worker",
    "create_memory_system",
    "open_runtime",
    "open_worker",
    "upkeep_policy_of",
    "user_cache",
]
