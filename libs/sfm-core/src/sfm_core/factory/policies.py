"""What the settings say of ranking, recall and upkeep, as the values the use-cases take."""

import math
from datetime import timedelta
from importlib.metadata import version

from sfm_core.errors import Misconfigured
from sfm_core.model import Weights
from sfm_core.recall.engine import RecallPolicy
from sfm_core.runtime.core_settings import CoreSettings
from sfm_core.runtime.upkeep_settings import UpkeepSettings
from sfm_core.scoring import Scoring
from sfm_core.upkeep.plan import UpkeepPolicy
from sfm_core.upkeep.rules import DecayPolicy, Level


def scoring_of(settings: CoreSettings) -> Scoring:
    """The measured scoring, with what the settings say otherwise."""
    measured = Scoring()
    defaults = measured.weights
    weights = Weights(
        vector=_either(settings.recall_weight_vector, defaults.vector),
        keyword=_either(settings.recall_weight_keyword, defaults.keyword),
        context=_either(settings.recall_weight_context, defaults.context),
        recency=_either(settings.recall_weight_recency, defaults.recency),
        graph=_either(settings.recall_weight_graph, defaults.graph),
    )
    return Scoring(
        weights=weights,
        beta=_either(settings.recall_beta, measured.beta),
        half_life_s=_either(settings.recall_half_life_seconds, measured.half_life_s),
    )


def recall_policy_of(settings: CoreSettings) -> RecallPolicy:
    return RecallPolicy(
        deadline_s=settings.recall_deadline_seconds,
        poll_s=settings.feed_interval_seconds,
        budget_bytes=settings.slab_max_bytes,
        language=settings.language,
        fast_core=settings.fast_core,
        version=version("sfm-core"),
    )


def upkeep_policy_of(settings: UpkeepSettings) -> UpkeepPolicy:
    """What decays, and how many memories there may be.

    Raises:
        Misconfigured: rules that span the settings are broken.
    """
    if faults := list(UpkeepSettings.faults(settings)):
        raise Misconfigured("; ".join(faults))
    ages, keys = settings.decay_thresholds_seconds, settings.decay_keys_by_level
    levels = tuple(
        Level(age=timedelta(seconds=age), keys=frozenset(names))
        for age, names in zip(ages, keys, strict=True)
    )
    decay = DecayPolicy(
        levels=levels,
        protect_above=_either(settings.decay_protect_importance, math.inf),
        required=frozenset(settings.decay_required_keys),
    )
    return UpkeepPolicy(
        decay=decay,
        max_memories=settings.max_memory_size,
        receipt_ttl=timedelta(seconds=settings.receipt_ttl_seconds),
    )


def _either[T](given: T | None, default: T) -> T:
    return default if given is None else given
