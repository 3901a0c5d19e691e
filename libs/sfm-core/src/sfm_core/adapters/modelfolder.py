"""A model on disk: a folder with `model.onnx`, `tokenizer.json` and `sfm-model.json`.

`sfm-model.json` is an object with exactly these keys:

    name         what the model is called
    licence      SPDX expression of its weights
    dim          length of a vector
    pooling      "mean" of all tokens, or "cls" (the first one)
    prefix       put before every text, query and document alike; may be empty
    max_tokens   window of the model, special tokens counted
    max_windows  a longer text is the mean of up to so many windows
    floor        cosine that unrelated texts have under this model
    floor_note   how the floor was measured
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sfm_core.errors import Misconfigured
from sfm_core.model import EmbedderInfo

MODEL_FILE: Final = "model.onnx"
TOKENIZER_FILE: Final = "tokenizer.json"
SETTINGS_FILE: Final = "sfm-model.json"

_REVISION: Final = "onnx-1"
"""Goes up when the code makes other vectors of the same files."""
_POOLINGS: Final = ("mean", "cls")
_FEWEST_TOKENS: Final = 8
_KEYS: Final[Mapping[str, type | tuple[type, ...]]] = {
    "name": str,
    "licence": str,
    "dim": int,
    "pooling": str,
    "prefix": str,
    "max_tokens": int,
    "max_windows": int,
    "floor": (int, float),
    "floor_note": str,
}
_SHAPING: Final = ("dim", "pooling", "prefix", "max_tokens", "max_windows")
"""The settings that make a vector what it is; the others may change without a new revision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFolder:
    path: Path
    name: str
    licence: str
    dim: int
    pooling: str
    prefix: str
    max_tokens: int
    max_windows: int
    floor: float
    revision: str
    """Names everything that shapes a vector: both files' bytes, these settings, the code."""

    @property
    def info(self) -> EmbedderInfo:
        return EmbedderInfo(
            name=f"onnx:{self.name}",
            model_revision=self.revision,
            dim=self.dim,
            floor=self.floor,
            semantic=True,
            extra={"licence": self.licence},
        )


def read_model_folder(path: Path) -> ModelFolder:
    """What the folder says of its model. Blocking: reads and hashes every file.

    Raises:
        Misconfigured: a file is missing, unreadable or not what it should be; it is named.
    """
    settings_path = path / SETTINGS_FILE
    settings = _settings(settings_path)
    _check_ranges(settings, settings_path)
    shaping = json.dumps([settings[key] for key in _SHAPING], separators=(",", ":"))
    seal = hashlib.sha256(f"{_REVISION}\n{shaping}\n".encode())
    for name in (MODEL_FILE, TOKENIZER_FILE):
        seal.update(hashlib.sha256(_read(path / name)).digest())
    return ModelFolder(
        path=path,
        name=settings["name"],
        licence=settings["licence"],
        dim=settings["dim"],
        pooling=settings["pooling"],
        prefix=settings["prefix"],
        max_tokens=settings["max_tokens"],
        max_windows=settings["max_windows"],
        floor=float(settings["floor"]),
        revision=f"{_REVISION}-{seal.hexdigest()[:24]}",
    )


def _read(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Misconfigured(f"model file {path} cannot be read: {error.strerror}") from error
    if not content:
        raise Misconfigured(f"model file {path} is empty")
    return content


def _settings(path: Path) -> dict[str, Any]:
    try:
        settings = json.loads(_read(path))
    except ValueError as error:
        raise Misconfigured(f"model file {path} is not JSON: {error}") from error
    if not isinstance(settings, dict) or settings.keys() != _KEYS.keys():
        raise Misconfigured(f"model file {path} must be an object of exactly {', '.join(_KEYS)}")
    for key, kind in _KEYS.items():
        if not isinstance(settings[key], kind) or isinstance(settings[key], bool):
            raise Misconfigured(f"model file {path}: {key} has the wrong type")
    return settings


def _check_ranges(settings: Mapping[str, Any], path: Path) -> None:
    claims = {
        "name": bool(settings["name"]),
        "dim": settings["dim"] > 0,
        "pooling": settings["pooling"] in _POOLINGS,
        "max_tokens": settings["max_tokens"] >= _FEWEST_TOKENS,
        "max_windows": settings["max_windows"] >= 1,
        "floor": math.isfinite(settings["floor"]) and -1.0 <= settings["floor"] < 1.0,
    }
    wrong = [key for key, holds in claims.items() if not holds]
    if wrong:
        raise Misconfigured(f"model file {path}: {', '.join(wrong)} out of range")
