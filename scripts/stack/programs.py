"""What a stack runs: each program with its command, its environment and how it is stopped."""

import json
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from scripts.stack.folder import ROOT, Endpoints, StackFolder, write_private
from scripts.stack.settings import PREFIX

MARK: Final = "SOMA_STACK"
"""In the environment of every program: the folder it runs for."""

SERVERS: Final = "servers"
SERVICES: Final = "services"
TOPIC: Final = "memory.events"

_OURS: Final = (
    *("PG", "POSTGRES_URL", "POSTGRES_SSL_", "REDIS_URL"),
    *("KAFKA_BOOTSTRAP", "KAFKA_SECURITY", "KAFKA_SASL", "KAFKA_SSL", "KAFKA_MEMORY_EVENTS_TOPIC"),
    *("QDRANT_URL", "QDRANT_API_KEY", "QDRANT_TLS"),
    *("SFM_DATA_DIR", "SFM_METRICS_PORT", "SOMA_API_TOKEN_FILE"),
)
"""How variables begin that say where servers are and how they let one in: a stack's are its own."""

_MODULES: Final = {
    "api": "sfm_api",
    "kv-writer": "sfm_kv_writer",
    "vector-indexer": "sfm_vector_indexer",
    "reconciler": "sfm_reconciler",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    name: str
    group: str
    command: Sequence[str]
    env: Mapping[str, str]
    stop_signal: signal.Signals = signal.SIGTERM
    stop_within_s: int = 20
    """Then it is killed."""
    lives_after_s: int = field(default=1)
    """A program that ends sooner than that did not start: the next try waits a little longer."""

    def write(self, folder: StackFolder) -> Path:
        """The file that `tied.py` runs it from."""
        path = folder.programs / f"{self.name}.json"
        spec = {
            "command": list(self.command),
            "env": dict(self.env),
            "cwd": str(ROOT),
            "death_signal": int(self.stop_signal),
        }
        write_private(path, json.dumps(spec, indent=2) + "\n")
        return path


def installed_services() -> list[str]:
    """Names of the services that can be run."""
    return [name for name, module in _MODULES.items() if _runs(module)]


def service_programs(
    folder: StackFolder, env: Mapping[str, str], endpoints: Endpoints, token: str
) -> list[Program]:
    """The services over the servers of `endpoints`; `env` is what the user said."""
    shared = base_environment(env, folder) | {
        "POSTGRES_URL": endpoints.postgres,
        "REDIS_URL": endpoints.redis,
        "QDRANT_URL": endpoints.qdrant,
        "KAFKA_BOOTSTRAP_SERVERS": endpoints.kafka,
        "KAFKA_MEMORY_EVENTS_TOPIC": TOPIC,
        "SOMA_API_TOKEN": token,
    }
    shared.setdefault("SOMA_RATE_LIMIT_MAX", "0")  # on loopback nobody is limited unasked
    return [
        Program(
            name=name,
            group=SERVICES,
            command=[sys.executable, "-m", _MODULES[name]],
            env=shared | _own(name, url, folder, shared),
            lives_after_s=2,
        )
        for name, url in endpoints.services.items()
    ]


def base_environment(env: Mapping[str, str], folder: StackFolder) -> dict[str, str]:
    """The user's environment without what is the stack's own affair."""
    kept = {name: value for name, value in env.items() if not name.startswith((PREFIX, *_OURS))}
    return kept | {MARK: str(folder.path), "PYTHONUNBUFFERED": "1"}


def _own(name: str, url: str, folder: StackFolder, shared: Mapping[str, str]) -> dict[str, str]:
    port = url.rpartition(":")[2]
    if name == "api":
        views = shared.get("SFM_SLAB_SNAPSHOT_DIR", str(folder.path / "views"))
        return {"SFM_HTTP_PORT": port, "SFM_SLAB_SNAPSHOT_DIR": views}
    # killed and started again, it goes on with its partitions at once
    return {"SFM_METRICS_PORT": port, "KAFKA_GROUP_INSTANCE_ID": f"stack-{name}"}


def _runs(module: str) -> bool:
    return find_spec(module) is not None and find_spec(f"{module}.__main__") is not None
