"""`soma model`: what is at hand, and what a check finds."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from sfm_core.adapters.hash_embedder import HashEmbedder
from sfm_core.adapters.models import checks, failed
from sfm_core.model import F32, EmbedderInfo
from sfm_core.testing.models import minilm_folder
from tests.unit.sfm_cli.soma_runner import run_soma

HASH = {"SFM_EMBEDDER": "hash"}


def test_the_models_at_hand_are_listed_and_the_one_in_use_is_marked() -> None:
    folder = str(minilm_folder())
    ran = run_soma("model", "list", "--json", env={"SFM_MODEL_DIR": folder})
    models = json.loads(ran.stdout)["models"]
    assert [one["in_use"] for one in models] == [True, False, False]
    assert (models[0]["path"], models[0]["semantic"]) == (folder, True)
    assert (models[-1]["name"], models[-1]["path"]) == ("hash", None)
    of_hash = json.loads(run_soma("model", "list", "--json", env=HASH).stdout)["models"]
    assert [one["name"] for one in of_hash if one["in_use"]] == ["hash"]
    assert "hash" in run_soma("model", "list", env=HASH).stdout


def test_the_packaged_model_passes_its_check() -> None:
    ran = run_soma("model", "check", str(minilm_folder()), "--json", env=HASH)
    assert ran.exit_code == 0
    found = json.loads(ran.stdout)
    assert found["ok"]
    assert {one["name"] for one in found["checks"]} >= {"shape", "norm 1", "meaning"}


def test_a_folder_without_a_model_is_named_and_ends_with_8(tmp_path: Path) -> None:
    ran = run_soma("model", "check", str(tmp_path), env=HASH)
    assert ran.exit_code == 8
    assert "sfm-model.json" in ran.stderr
    ran = run_soma("model", "check", str(tmp_path), "--json", env=HASH)
    assert json.loads(ran.stderr)["type"] == "urn:sfm:error:misconfigured"


class Broken:
    """An embedder that does not do what it says."""

    def __init__(self, fault: str) -> None:
        self._fault = fault
        self._inner = HashEmbedder()
        self.info = EmbedderInfo(
            name="broken", model_revision="b", dim=384, floor=0.0, semantic=True
        )

    async def embed(self, texts: Sequence[str]) -> F32:
        rows = await self._inner.embed(texts)
        if self._fault == "norm 1":
            return rows * np.float32(1.1)
        if self._fault == "same alone and among others" and len(texts) > 1:
            return np.roll(rows, 1, axis=1)
        if self._fault == "shape":
            return rows[:, :-1]
        if self._fault == "meaning":
            return np.tile(rows[:1], (len(texts), 1))
        return rows


@pytest.mark.parametrize("fault", ["norm 1", "same alone and among others", "shape", "meaning"])
async def test_each_check_finds_its_fault(fault: str) -> None:
    assert fault in failed(await checks(Broken(fault)))


async def test_hashes_pass_without_being_asked_for_meaning() -> None:
    found = await checks(HashEmbedder())
    assert failed(found) == []
    assert "meaning" not in {one.name for one in found}
