"""One ONNX model with its tokenizer: text in, unit vector out. Blocking; safe across threads."""

import os
from pathlib import Path
from typing import Any, Final, final

import numpy as np

from sfm_core.adapters.modelfolder import (
    MODEL_FILE,
    TOKENIZER_FILE,
    ModelFolder,
    read_model_folder,
)
from sfm_core.errors import Corrupt, Misconfigured
from sfm_core.model import F32, I64, EmbedderInfo

_CHARS_PER_TOKEN: Final = 32
"""A text's reading stops at so many characters per token of its windows: it bounds the time
the tokenizer takes, and no language comes near it."""
_KNOWN_INPUTS: Final = frozenset({"input_ids", "attention_mask", "token_type_ids"})


@final
class OnnxModel:
    """A loaded model folder.

    `encode` runs one text on the calling thread alone, without padding, so a text's vector
    depends on nothing but the text; any number of threads may call it at once and share the
    weights. The interpreter lock is released while the model runs.
    """

    def __init__(self, folder: ModelFolder) -> None:
        """Load the folder's files. Blocking.

        Raises:
            Misconfigured: a file is not what it should be; it is named.
        """
        self._folder = folder
        self._tokenizer = _tokenizer(folder)
        self._session = _session(folder)
        self._inputs = {value.name for value in self._session.get_inputs()}
        self._output = self._session.get_outputs()[0].name
        self._max_chars = folder.max_tokens * folder.max_windows * _CHARS_PER_TOKEN
        self._check()

    @property
    def info(self) -> EmbedderInfo:
        return self._folder.info

    def encode(self, text: str) -> F32:
        """The text's vector, shape (dim,), L2 norm 1.

        A text longer than one window is cut into windows of `max_tokens`, the first
        `max_windows` are embedded, and the vector is their mean, weighted by their tokens.
        What lies beyond is not read.

        Raises:
            Corrupt: the model gives no direction at all (zero or not finite).
        """
        head = text[: self._max_chars].encode("utf-8", "replace").decode("utf-8")
        first = self._tokenizer.encode(self._folder.prefix + head)
        windows = [first, *first.overflowing][: self._folder.max_windows]
        if len(windows) == 1:
            return self._unit(self._pooled(first.ids))
        total = np.zeros(self._folder.dim)
        for window in windows:
            total += len(window.ids) * self._unit(self._pooled(window.ids)).astype(np.float64)
        return self._unit(total)

    def _pooled(self, ids: list[int]) -> Any:  # noqa: ANN401 - onnxruntime ships no types
        row: I64 = np.array([ids], dtype=np.int64)
        known = {
            "input_ids": row,
            "attention_mask": np.ones_like(row),
            "token_type_ids": np.zeros_like(row),
        }
        feed = {name: value for name, value in known.items() if name in self._inputs}
        [hidden] = self._session.run([self._output], feed)
        if self._folder.pooling == "cls":
            return hidden[0, 0].astype(np.float64)
        return hidden[0].mean(axis=0, dtype=np.float64)

    def _unit(self, vector: Any) -> F32:  # noqa: ANN401
        length = float(np.sqrt(np.square(vector).sum()))
        if not np.isfinite(length) or length == 0.0:
            raise Corrupt(f"the model in {self._folder.path} gave a vector without direction")
        unit: F32 = (vector / length).astype(np.float32)
        return unit

    def _check(self) -> None:
        """Hold the model to its folder's word before anything rests on it."""
        path = self._folder.path / MODEL_FILE
        unknown = self._inputs - _KNOWN_INPUTS
        if unknown or "input_ids" not in self._inputs:
            raise Misconfigured(f"{path} must take input_ids, not {sorted(unknown)}")
        shape = self._session.get_outputs()[0].shape
        if len(shape) != len(("batch", "tokens", "dim")) or shape[-1] != self._folder.dim:
            raise Misconfigured(f"{path} gives {shape}, not (batch, tokens, {self._folder.dim})")
        self.encode("start")


def load_model(path: Path) -> OnnxModel:
    """Read, check and load a model folder. Blocking: about 0.2 s for MiniLM.

    Raises:
        Misconfigured: a file is missing or not what it should be; it is named.
    """
    return OnnxModel(read_model_folder(path))


def _tokenizer(folder: ModelFolder) -> Any:  # noqa: ANN401
    from tokenizers import Tokenizer  # noqa: PLC0415 - an optional extra

    path = folder.path / TOKENIZER_FILE
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise Misconfigured(f"model file {path} is not a tokenizer: {error}") from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(folder.max_tokens)
    return tokenizer


def _session(folder: ModelFolder) -> Any:  # noqa: ANN401
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read when onnxruntime is imported
    import onnxruntime  # noqa: PLC0415 - after the line above; an optional extra

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    # Without VNNI the fast int8 product saturates: take the exact one there.
    options.add_session_config_entry("session.x64quantprecision", "1")
    path = folder.path / MODEL_FILE
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # one unrelated class per fault
        raise Misconfigured(f"model file {path} cannot be loaded: {error}") from error
