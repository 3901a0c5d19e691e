"""Which models there are to embed with, and whether one does what an embedder promises."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final

import numpy as np

from sfm_core.adapters.hash_embedder import HashEmbedder
from sfm_core.adapters.minilm import ensure_minilm
from sfm_core.adapters.modelfolder import read_model_folder
from sfm_core.model import F32, EmbedderInfo
from sfm_core.ports import Embedder

_PAIRS: Final = (
    ("The kettle is broken.", "Something in the kitchen needs repair."),
    ("Bob moved to Lisbon in May.", "Where does Bob live now?"),
    ("She plays the violin in an orchestra.", "Which instrument does she play?"),
    ("The invoice was paid on Tuesday.", "Has the bill been settled?"),
)
"""Each second text is about its first one, and not about the others'."""
_SHORT: Final = "tea at four"
_NORM: Final = 1e-5
_TIMED: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownModel:
    info: EmbedderInfo
    path: Path | None
    """Its folder; None: it needs none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    name: str
    ok: bool
    detail: str


def known_models(*, model_dir: Path | None, cache_dir: Path) -> list[KnownModel]:
    """The folder that is named, the packaged model and the hash embedding. Blocking.

    Raises:
        Misconfigured: a model is not what it should be.
    """
    folders = [ensure_minilm(cache_dir)] if model_dir is None else [model_dir]
    found = [read_model_folder(folder) for folder in folders]
    if model_dir is not None:
        found.append(read_model_folder(ensure_minilm(cache_dir)))
    models = [KnownModel(info=one.info, path=one.path) for one in found]
    return [*models, KnownModel(info=HashEmbedder().info, path=None)]


async def checks(embedder: Embedder) -> list[Check]:
    """What the port promises, tried on a few short texts.

    Raises:
        Unavailable: it does not embed.
    """
    texts = [text for pair in _PAIRS for text in pair]
    rows = await embedder.embed(texts)
    alone = np.stack([(await embedder.embed([text]))[0] for text in texts])
    found = [
        _check("shape", rows.shape == (len(texts), embedder.info.dim), f"{rows.shape}"),
        _norms(rows),
        _check("same alone and among others", bool((rows == alone).all()), "bit for bit"),
        await _time(embedder),
    ]
    if embedder.info.semantic:
        found.append(_meaning(rows, embedder.info.floor))
    return found


def _norms(rows: F32) -> Check:
    off = float(np.abs(np.linalg.norm(rows.astype(np.float64), axis=1) - 1.0).max())
    return _check("norm 1", off <= _NORM, f"off by at most {off:.1e}")


def _meaning(rows: F32, floor: float) -> Check:
    """Each question is nearest to its own statement, and strangers lie about the floor."""
    said, asked = rows[0::2], rows[1::2]
    cosines = asked @ said.T
    own = np.diag(cosines)
    strangers = cosines[~np.eye(len(own), dtype=np.bool_)]
    ok = bool((cosines.argmax(axis=1) == np.arange(len(own))).all())
    return _check(
        "meaning",
        ok,
        f"related {own.min():.2f} to {own.max():.2f}, strangers {strangers.mean():.2f} on average"
        f" (floor {floor:.2f})",
    )


async def _time(embedder: Embedder) -> Check:
    begun = perf_counter()
    for number in range(_TIMED):
        await embedder.embed([f"{_SHORT} {number}"])
    took_ms = 1000.0 * (perf_counter() - begun) / _TIMED
    return _check("time", ok=True, detail=f"{took_ms:.1f} ms for a short text, one at a time")


def _check(name: str, ok: bool, detail: str) -> Check:
    return Check(name=name, ok=ok, detail=detail)


def failed(found: Sequence[Check]) -> list[str]:
    return [check.name for check in found if not check.ok]
