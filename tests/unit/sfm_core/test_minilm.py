"""The packaged model: built once, checked, rebuilt when damaged, and true to its source."""

import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from sfm_core.adapters import minilm
from sfm_core.adapters.minilm import ensure_minilm, packaged_source
from sfm_core.adapters.minilm_rewrite import rewrite
from sfm_core.adapters.modelfolder import MODEL_FILE, SETTINGS_FILE, TOKENIZER_FILE
from sfm_core.adapters.onnx_model import load_model
from sfm_core.errors import Misconfigured
from sfm_core.testing.models import minilm_folder

FILES = (MODEL_FILE, TOKENIZER_FILE, SETTINGS_FILE)
TEXTS = (
    "tea",
    "Caroline went to a support group yesterday and it was so powerful.",
    "the approximate design method of an airfoil with a slotted flap " * 12,
)


def digests(folder: Path) -> dict[str, str]:
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_the_folder_holds_just_the_three_files_and_is_kept(tmp_path: Path) -> None:
    folder = ensure_minilm(tmp_path / "not" / "yet")
    first = {name: (folder / name).stat().st_mtime_ns for name in FILES}
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    assert ensure_minilm(tmp_path / "not" / "yet") == folder
    assert {name: (folder / name).stat().st_mtime_ns for name in FILES} == first


def test_damaged_and_missing_files_are_made_anew(tmp_path: Path) -> None:
    folder = ensure_minilm(tmp_path)
    whole = digests(folder)
    (folder / MODEL_FILE).write_bytes((folder / MODEL_FILE).read_bytes()[:1_000_000])
    (folder / SETTINGS_FILE).write_text("{}", "utf-8")
    (folder / TOKENIZER_FILE).unlink()
    ensure_minilm(tmp_path)
    assert digests(folder) == whole


def test_processes_that_build_at_once_all_get_a_whole_folder(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from sfm_core.adapters.minilm import ensure_minilm\n"
        "from sfm_core.adapters.onnx_model import load_model\n"
        "print(load_model(ensure_minilm(Path(sys.argv[1]))).info.model_revision)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    revisions = [process.communicate(timeout=60)[0].strip() for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    assert set(revisions) == {load_model(minilm_folder()).info.model_revision}
    assert digests(next(tmp_path.iterdir())) == digests(minilm_folder())


def test_the_rewrite_gives_the_same_bytes_twice() -> None:
    source = packaged_source().read_bytes()
    assert rewrite(source) == rewrite(source)


def test_a_graph_that_is_not_minilm_is_refused() -> None:
    with pytest.raises(Misconfigured, match="0 products"):
        rewrite((minilm_folder() / MODEL_FILE).read_bytes())


def test_a_source_of_another_version_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.onnx"
    other.write_bytes(b"another model")
    monkeypatch.setattr(minilm, "packaged_source", lambda: other)
    with pytest.raises(Misconfigured, match="expected version"):
        ensure_minilm(tmp_path / "cache")


def test_a_missing_package_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(minilm, "_SOURCE_PACKAGE", "no_such_package")
    with pytest.raises(Misconfigured, match="SFM_MODEL_DIR"):
        ensure_minilm(tmp_path)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", "utf-8")
    with pytest.raises(Misconfigured, match="file"):
        ensure_minilm(tmp_path / "file")


def test_the_rewritten_model_agrees_with_the_one_shipped(tmp_path: Path) -> None:
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    for name in (TOKENIZER_FILE, SETTINGS_FILE):
        (shipped / name).write_bytes((minilm_folder() / name).read_bytes())
    (shipped / MODEL_FILE).write_bytes(packaged_source().read_bytes())
    original, rewritten = load_model(shipped), load_model(minilm_folder())
    cosines = [float(np.dot(original.encode(text), rewritten.encode(text))) for text in TEXTS]
    assert min(cosines) > 0.98
