"""Model folders for tests and benchmarks, built once per checkout."""

import tempfile
from functools import cache
from pathlib import Path

from sfm_core.adapters.minilm import ensure_minilm


@cache
def minilm_folder() -> Path:
    """The packaged MiniLM, under `.cache/models` of the checkout (else the temporary folder).

    Blocking: a second the first time. Wrap it in a session fixture or call it at import.
    """
    return ensure_minilm(_cache_dir())


def _cache_dir() -> Path:
    for folder in Path(__file__).resolve().parents:
        if (folder / "uv.lock").is_file():
            return folder / ".cache" / "models"
    return Path(tempfile.gettempdir()) / "sfm-models"
