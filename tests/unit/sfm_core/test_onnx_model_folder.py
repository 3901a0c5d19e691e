"""Model folders: what is refused, what makes a revision, and that nothing is written at home."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sfm_core.adapters.modelfolder import (
    MODEL_FILE,
    SETTINGS_FILE,
    TOKENIZER_FILE,
    read_model_folder,
)
from sfm_core.adapters.onnx_model import load_model
from sfm_core.errors import Misconfigured
from sfm_core.testing.models import minilm_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the packaged model to spoil."""
    return Path(shutil.copytree(minilm_folder(), tmp_path / "model"))


def change(folder: Path, **settings: object) -> None:
    path = folder / SETTINGS_FILE
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | settings), "utf-8")


@pytest.mark.parametrize("name", [MODEL_FILE, TOKENIZER_FILE, SETTINGS_FILE])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(Misconfigured, match=name):
        load_model(folder)


@pytest.mark.parametrize("content", [b"", b"\x00not a model", b"{}"])
@pytest.mark.parametrize("name", [MODEL_FILE, TOKENIZER_FILE, SETTINGS_FILE])
def test_a_file_that_is_something_else_is_named(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(Misconfigured, match=name):
        load_model(folder)


def test_half_a_model_file_is_named(folder: Path) -> None:
    content = (folder / MODEL_FILE).read_bytes()
    (folder / MODEL_FILE).write_bytes(content[: len(content) // 2])
    with pytest.raises(Misconfigured, match=MODEL_FILE):
        load_model(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("dim", 0),
        ("dim", "384"),
        ("dim", True),
        ("pooling", "max"),
        ("max_tokens", 2),
        ("max_windows", 0),
        ("floor", 1.0),
        ("name", ""),
        ("unknown", 1),
    ],
)
def test_a_wrong_setting_is_named(folder: Path, key: str, value: object) -> None:
    change(folder, **{key: value})
    with pytest.raises(Misconfigured, match=SETTINGS_FILE):
        load_model(folder)


def test_a_dimension_the_model_does_not_have_is_refused(folder: Path) -> None:
    change(folder, dim=512)
    with pytest.raises(Misconfigured, match="512"):
        load_model(folder)


@pytest.mark.parametrize(
    "settings", [{"pooling": "cls"}, {"prefix": "query: "}, {"max_tokens": 128}, {"max_windows": 1}]
)
def test_what_shapes_vectors_makes_a_revision(folder: Path, settings: dict[str, object]) -> None:
    before = read_model_folder(folder).revision
    change(folder, **settings)
    assert read_model_folder(folder).revision != before


def test_what_does_not_shape_vectors_keeps_the_revision(folder: Path) -> None:
    before = read_model_folder(folder).revision
    change(folder, floor=0.3, floor_note="measured anew", name="renamed")
    after = read_model_folder(folder)
    assert after.revision == before
    assert (after.info.floor, after.info.name) == (0.3, "onnx:renamed")


@pytest.mark.parametrize("name", [MODEL_FILE, TOKENIZER_FILE])
def test_another_byte_in_a_file_makes_a_revision(folder: Path, name: str) -> None:
    before = read_model_folder(folder).revision
    with (folder / name).open("ab") as file:
        file.write(b" ")
    assert read_model_folder(folder).revision != before


def test_prefix_and_pooling_change_the_vector(folder: Path) -> None:
    plain = load_model(folder).encode("tea")
    change(folder, prefix="query: ")
    prefixed = load_model(folder).encode("tea")
    change(folder, prefix="", pooling="cls")
    first_token = load_model(folder).encode("tea")
    assert plain @ prefixed < 0.99
    assert plain @ first_token < 0.99


SCRIPT = """
import sys
from pathlib import Path
from sfm_core.adapters.onnx_model import load_model
load_model(Path(sys.argv[1])).encode("tea at four")
"""


def test_a_fresh_process_writes_nothing_under_home(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("ORT_", "XDG_"))}
    environment |= {"HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run(
        [sys.executable, "-c", SCRIPT, str(minilm_folder())],
        env=environment,
        check=True,
        timeout=60,
    )
    assert list(home.rglob("*")) == []
