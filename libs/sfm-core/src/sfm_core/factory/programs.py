"""The facade a program asks for, from one mapping of settings."""

from collections.abc import Mapping
from dataclasses import fields
from enum import StrEnum

from sfm_core.errors import Misconfigured
from sfm_core.factory.opening import open_runtime
from sfm_core.runtime.core_settings import CoreSettings
from sfm_core.runtime.secret import Secret
from sfm_core.system import MemorySystem


class MemoryMode(StrEnum):
    """How a memory system is built; there is one way."""

    EVENTED_ENTERPRISE = "evented_enterprise"


def create_memory_system(
    mode: MemoryMode | str,
    namespace: str,
    config: CoreSettings | Mapping[str, object] | None = None,
) -> MemorySystem:
    """The facade over one namespace; open it with `async with`.

    `config` is a `CoreSettings` or a mapping of its fields, e.g. `{"postgres_url": "postgresql://…"}`;
    `postgres_url` may be `memory://` for a trial that nothing survives.

    Raises:
        Misconfigured: another mode than `EVENTED_ENTERPRISE`, or an unknown field: before
            anything is opened.
        InvalidInput: the namespace's name.
    """
    if mode not in tuple(MemoryMode):
        raise Misconfigured(f"mode is {MemoryMode.EVENTED_ENTERPRISE.value}, the only one")
    settings = config if isinstance(config, CoreSettings) else _settings(config or {})
    return MemorySystem(namespace, open_runtime(settings))


def _settings(config: Mapping[str, object]) -> CoreSettings:
    known = {field.name for field in fields(CoreSettings)}
    unknown = sorted(set(config) - known)
    if unknown:
        raise Misconfigured(f"config has unknown fields: {', '.join(unknown)}")
    given = dict(config)
    if isinstance(given.get("postgres_url"), str):
        given["postgres_url"] = Secret(str(given["postgres_url"]))
    return CoreSettings(**given)  # type: ignore[arg-type]  # a caller's mapping
