"""How decay and pruning are set."""

import math
from datetime import timedelta

import pytest

from sfm_core.errors import Misconfigured
from sfm_core.factory import upkeep_policy_of
from sfm_core.runtime.core_settings import CoreSettings
from sfm_core.runtime.settings import describe, load
from sfm_core.runtime.upkeep_settings import UpkeepSettings
from sfm_core.upkeep.plan import UpkeepPolicy
from sfm_core.upkeep.rules import DecayPolicy, Level

SET = {
    "SFM_DECAY_THRESHOLDS_SECONDS": "60, 3600.5",
    "SFM_DECAY_KEYS_BY_LEVEL": "raw, debug;detail",
    "SFM_DECAY_REQUIRED_KEYS": "id",
    "SFM_DECAY_PROTECT_IMPORTANCE": "3",
    "SFM_MAX_MEMORY_SIZE": "1000",
}


def test_the_environment_becomes_a_policy() -> None:
    settings = load(CoreSettings, SET)
    assert upkeep_policy_of(settings) == UpkeepPolicy(
        decay=DecayPolicy(
            levels=(
                Level(age=timedelta(seconds=60), keys=frozenset({"raw", "debug"})),
                Level(age=timedelta(seconds=3600.5), keys=frozenset({"detail"})),
            ),
            protect_above=3.0,
            required=frozenset({"id"}),
        ),
        max_memories=1000,
    )
    shown = {row.name: row.value for row in describe(settings, SET)}
    assert shown["SFM_DECAY_KEYS_BY_LEVEL"] == "raw,debug;detail"
    assert load(CoreSettings, {name: shown[name] for name in SET}) == settings


def test_by_default_nothing_decays_and_nothing_is_pruned() -> None:
    policy = upkeep_policy_of(UpkeepSettings())
    assert policy == UpkeepPolicy(decay=DecayPolicy(protect_above=math.inf), max_memories=0)
    assert policy.decay.first_age is None


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"SFM_DECAY_THRESHOLDS_SECONDS": "60"}, "has 1 levels, SFM_DECAY_KEYS_BY_LEVEL 0"),
        ({"SFM_DECAY_KEYS_BY_LEVEL": "a"}, "has 0 levels, SFM_DECAY_KEYS_BY_LEVEL 1"),
        (
            {"SFM_DECAY_THRESHOLDS_SECONDS": "60,60", "SFM_DECAY_KEYS_BY_LEVEL": "a;b"},
            "does not ascend",
        ),
        (
            {"SFM_DECAY_THRESHOLDS_SECONDS": "0", "SFM_DECAY_KEYS_BY_LEVEL": "a"},
            "not above 0",
        ),
        (
            {"SFM_DECAY_THRESHOLDS_SECONDS": "1e300", "SFM_DECAY_KEYS_BY_LEVEL": "a"},
            "within a century",
        ),
        (
            {"SFM_DECAY_THRESHOLDS_SECONDS": "1,2", "SFM_DECAY_KEYS_BY_LEVEL": "a;"},
            "a level without a key",
        ),
        ({"SFM_DECAY_THRESHOLDS_SECONDS": "soon"}, "not a finite number"),
        ({"SFM_DECAY_THRESHOLDS_SECONDS": "nan"}, "not a finite number"),
        ({"SFM_MAX_MEMORY_SIZE": "-1"}, "SFM_MAX_MEMORY_SIZE is below 0"),
        ({"SFM_PRUNING_INTERVAL_SECONDS": "0"}, "SFM_PRUNING_INTERVAL_SECONDS"),
    ],
)
def test_what_makes_no_sense_is_refused_at_the_start(env: dict[str, str], words: str) -> None:
    with pytest.raises(Misconfigured, match=words):
        load(CoreSettings, env)


def test_all_faults_come_together() -> None:
    with pytest.raises(Misconfigured) as refused:
        load(CoreSettings, {"SFM_DECAY_KEYS_BY_LEVEL": "a", "POSTGRES_SSL_CERT": "/x"})
    assert "SFM_DECAY_KEYS_BY_LEVEL" in refused.value.detail
    assert "POSTGRES_SSL_KEY" in refused.value.detail


def test_a_programs_mapping_is_held_to_the_same_rules() -> None:
    with pytest.raises(Misconfigured, match="does not ascend"):
        upkeep_policy_of(
            UpkeepSettings(
                decay_thresholds_seconds=(2.0, 1.0), decay_keys_by_level=(("a",), ("b",))
            )
        )
