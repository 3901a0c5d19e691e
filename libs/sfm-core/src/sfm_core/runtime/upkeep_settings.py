"""Settings of decay, pruning, expiry and reconciling."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from sfm_core.runtime.settings import setting

_CENTURY_S: Final = 3_155_760_000


@dataclass(frozen=True, slots=True, kw_only=True)
class UpkeepSettings:
    decay_thresholds_seconds: tuple[float, ...] = setting(
        "SFM_DECAY_THRESHOLDS_SECONDS",
        default=(),
        doc="Ages of the decay levels, ascending, comma-joined; none: no decay.",
    )
    decay_keys_by_level: tuple[tuple[str, ...], ...] = setting(
        "SFM_DECAY_KEYS_BY_LEVEL",
        default=(),
        doc="Payload keys that go at each level: `raw,debug;detail` is two levels.",
    )
    decay_required_keys: tuple[str, ...] = setting(
        "SFM_DECAY_REQUIRED_KEYS", default=(), doc="Payload keys that never go, comma-joined."
    )
    decay_protect_importance: float | None = setting(
        "SFM_DECAY_PROTECT_IMPORTANCE",
        default=None,
        doc="Memories of greater importance do not decay; pinned ones never do.",
    )
    max_memory_size: int = setting(
        "SFM_MAX_MEMORY_SIZE",
        default=0,
        low=0,
        doc="Most memories of a namespace; what matters least is pruned. 0: any number.",
    )
    receipt_ttl_seconds: float = setting(
        "SFM_RECEIPT_TTL_SECONDS",
        default=604_800.0,
        low=60,
        high=_CENTURY_S,
        doc="How long an idempotency key is remembered at least; then upkeep forgets it.",
    )
    pruning_interval_seconds: float = setting(
        "SFM_PRUNING_INTERVAL_SECONDS",
        default=600.0,
        low=1,
        high=86_400 * 7,
        doc="How often expiry, pruning and decay run.",
    )

    reconcile_interval_seconds: float = setting(
        "SFM_RECONCILE_INTERVAL_SECONDS",
        default=5.0,
        low=0.1,
        high=3600,
        doc="How often what was not published or indexed is seen to, and what changed audited.",
    )
    audit_interval_seconds: float = setting(
        "SFM_AUDIT_INTERVAL_SECONDS",
        default=30.0,
        low=0.1,
        high=86_400 * 7,
        doc="How often all namespaces are audited, changed or not; less often when it takes long.",
    )

    def faults(self) -> Iterable[str]:
        """Rules that span fields."""
        ages, keys = self.decay_thresholds_seconds, self.decay_keys_by_level
        if len(ages) != len(keys):
            yield (
                f"SFM_DECAY_THRESHOLDS_SECONDS has {len(ages)} levels,"
                f" SFM_DECAY_KEYS_BY_LEVEL {len(keys)}"
            )
        if any(not 0 < age <= _CENTURY_S for age in ages):
            yield "SFM_DECAY_THRESHOLDS_SECONDS has an age that is not above 0 and within a century"
        if any(later <= earlier for earlier, later in pairwise(ages)):
            yield "SFM_DECAY_THRESHOLDS_SECONDS does not ascend"
        if any(not level for level in keys):
            yield "SFM_DECAY_KEYS_BY_LEVEL has a level without a key"
