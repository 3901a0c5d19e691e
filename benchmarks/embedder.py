"""Cost, agreement and floor of the embedders.

    python benchmarks/embedder.py [--data locomo.json]

Prints the milliseconds of CPU one text takes on one thread and the memory of a process that did
it, for the packaged MiniLM as shipped and as rewritten, each measured in a process of its own;
how well the two agree; the hash embedder's cost; and, with `--data` (conversations as
`{"units": [{"docs": [{"speaker", "text"}], "queries": [{"text"}]}]}`), the cosine of unrelated
texts under each embedder.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import thread_time

import numpy as np
import psutil

from sfm_core.adapters.minilm import packaged_source
from sfm_core.adapters.modelfolder import MODEL_FILE, SETTINGS_FILE, TOKENIZER_FILE
from sfm_core.adapters.onnx_model import load_model
from sfm_core.hashing import hash_vector
from sfm_core.model import F32
from sfm_core.testing.models import minilm_folder

type Encode = Callable[[str], F32]

WORDS = [
    "tea",
    "at",
    "four",
    "in",
    "the",
    "garden",
    "with",
    "an",
    "old",
    "friend",
    "who",
    "likes",
    "to",
    "talk",
    "about",
    "music",
    "and",
    "books",
]
TOKENS = (16, 64, 256)
PAIRS_PER_CONVERSATION = 2000
TEXTS_PER_CONVERSATION = 150
OTHER = "question, turn of another conversation"
SAME = "question, turn of its conversation"
TURNS = "two turns of a conversation"


def text_of(tokens: int, salt: int) -> str:
    """A text of so many tokens (each of `WORDS` is one; two are the model's own)."""
    return " ".join(WORDS[(salt + at * 7) % len(WORDS)] for at in range(tokens - 2))


def cpu_ms(encode: Encode, tokens: int, repeats: int) -> float:
    """Median CPU milliseconds of one text on this thread."""
    for salt in range(5):
        encode(text_of(tokens, salt))
    took = []
    for salt in range(repeats):
        started = thread_time()
        encode(text_of(tokens, salt))
        took.append(thread_time() - started)
    return 1000 * float(np.median(took))


def measure(folder: Path) -> None:
    """One line of JSON: the cost of this model folder in this process."""
    process = psutil.Process()
    before = process.memory_info().rss
    encode = load_model(folder).encode
    loaded = process.memory_info().rss - before
    costs = [cpu_ms(encode, tokens, 60 if tokens < max(TOKENS) else 15) for tokens in TOKENS]
    after = process.memory_info().rss - before
    print(json.dumps({"ms": costs, "loaded_mb": loaded / 1e6, "used_mb": after / 1e6}))


def shipped_folder(parent: Path) -> Path:
    """A model folder around the packaged model as shipped."""
    for name in (TOKENIZER_FILE, SETTINGS_FILE):
        shutil.copy(minilm_folder() / name, parent)
    shutil.copy(packaged_source(), parent / MODEL_FILE)
    return parent


def conversations(path: Path) -> list[tuple[list[str], list[str]]]:
    """(turns, questions) of each conversation, an even sample of each."""
    sampled = []
    for unit in json.loads(path.read_text("utf-8"))["units"]:
        turns = [f"{turn['speaker']}: {turn['text']}" for turn in unit["docs"]]
        asked = [question["text"] for question in unit["queries"]]
        sampled.append((_sample(turns), _sample(asked)))
    return sampled


def _sample(texts: Sequence[str]) -> list[str]:
    return list(texts[:: -(-len(texts) // TEXTS_PER_CONVERSATION)])


def floors(encode: Encode, data: list[tuple[list[str], list[str]]]) -> dict[str, F32]:
    """Cosines of random pairs.

    The first kind is the floor: a question and a turn of *another* conversation have nothing to
    do with each other. Turns of one conversation share speakers, topics and manner.
    """
    rng = np.random.default_rng(0)
    vectors = [
        (np.array([encode(text) for text in turns]), np.array([encode(text) for text in asked]))
        for turns, asked in data
    ]
    found: dict[str, list[F32]] = {OTHER: [], SAME: [], TURNS: []}
    for at, (rows, questions) in enumerate(vectors):
        others, _ = vectors[(at + 1) % len(vectors)]
        found[OTHER].append(_random_pairs(rng, questions, others))
        found[SAME].append(_random_pairs(rng, questions, rows))
        found[TURNS].append(_random_pairs(rng, rows, rows))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def _random_pairs(rng: np.random.Generator, left: F32, right: F32) -> F32:
    i = rng.integers(0, len(left), PAIRS_PER_CONVERSATION)
    j = rng.integers(0, len(right), PAIRS_PER_CONVERSATION)
    cosines: F32 = (left[i] * right[j]).sum(axis=1)
    return cosines if left is not right else cosines[i != j]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        measure(arguments.measure)
        return
    with tempfile.TemporaryDirectory() as temporary:
        report(shipped_folder(Path(temporary)), arguments.data)


def report(shipped: Path, data_path: Path | None) -> None:
    print("| embedder | ms CPU, 16 tokens | 64 | 256 | MB when loaded | after use |")
    print("|---|---|---|---|---|---|")
    for name, folder in (("MiniLM as shipped", shipped), ("MiniLM rewritten", minilm_folder())):
        command = [sys.executable, __file__, "--measure", str(folder)]
        out = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        costs = " | ".join(f"{ms:.1f}" for ms in out["ms"])
        print(f"| {name} | {costs} | {out['loaded_mb']:.0f} | {out['used_mb']:.0f} |")
    costs = " | ".join(f"{cpu_ms(hash_vector, tokens, 60):.2f}" for tokens in TOKENS)
    print(f"| hash | {costs} | – | – |")
    if data_path is None:
        return
    data = conversations(data_path)
    before, after = load_model(shipped).encode, load_model(minilm_folder()).encode
    texts = [turns[at] for turns, _ in data for at in range(0, len(turns), 10)]
    agreement = [float(before(text) @ after(text)) for text in texts]
    low, median = min(agreement), float(np.median(agreement))
    print(f"\nrewritten against shipped, {len(texts)} turns: cosine {median:.4f}, lowest {low:.4f}")
    print("\n| unrelated texts | mean cosine | 50 % | 75 % | 95 % |\n|---|---|---|---|---|")
    for name, encode in (("MiniLM", after), ("hash", hash_vector)):
        for pair, cosines in floors(encode, data).items():
            quantiles = " | ".join(f"{value:.3f}" for value in np.percentile(cosines, [50, 75, 95]))
            print(f"| {name}, {pair} | {cosines.mean():.3f} | {quantiles} |")


if __name__ == "__main__":
    main()
