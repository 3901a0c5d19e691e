"""Store a real conversation through REST and ask it questions.

    python examples/conversation.py [FILE]

FILE is a collection like LoCoMo's (`{"units": [{"docs": [...], "queries": [...]}]}`); its first
conversation is taken. Without one: ../shared/data/locomo.json when it is there, else the short
conversation in conversation.json beside this script. A server must run (`make run`):
SOMA_URL (http://127.0.0.1:9595), SOMA_API_TOKEN or the file token in SFM_DATA_DIR (./data).
Needs only Python.
"""

import json
import os
import sys
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

HERE = Path(__file__).resolve().parent
LOCOMO = HERE.parent.parent / "shared" / "data" / "locomo.json"
URL = os.environ.get("SOMA_URL", "http://127.0.0.1:9595")
BATCH = 200
SHOWN = 3
ASKED = 3
WIDTH = 92


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else LOCOMO
    if not path.exists() and len(sys.argv) == 1:
        path = HERE / "conversation.json"
    talk = json.loads(path.read_text("utf-8"))["units"][0]
    namespace = f"example-{talk['id'].lower()}"

    memories = [memory(number, turn) for number, turn in enumerate(talk["docs"])]
    begun = perf_counter()
    for at in range(0, len(memories), BATCH):
        done = call(f"/v1/{namespace}/memories:batch", {"items": memories[at : at + BATCH]})
        for result in done["results"]:
            if result.get("error"):
                sys.exit(f"not stored: {result}")
    took = perf_counter() - begun
    print(f"{len(memories)} turns of {path.name} stored in {took:.1f} s (namespace {namespace})\n")

    for question in chosen(talk["queries"]):
        found = call(f"/v1/{namespace}/recall", {"query": question["text"], "top_k": SHOWN})
        print(f"? {question['text']}   ({found['took_ms']:.0f} ms)")
        for hit in found["hits"]:
            turn = hit["payload"]
            mark = "*" if turn["turn"] in question["gold"] else " "
            line = f"{turn['speaker']}, {turn['date']}: {turn['text']}"
            print(f" {mark} {hit['score']:.2f}  {shortened(line)}")
        print()
    print("* = the turn that holds the answer, according to the people who wrote the question")


def memory(number: int, turn: dict[str, Any]) -> dict[str, Any]:
    """A turn as an item of `memories:batch`; the same turn has the same coordinate again."""
    said = datetime.strptime(turn["date"], "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC)
    return {
        "coordinate": [number],
        "payload": {
            "turn": turn["id"],
            "speaker": turn["speaker"],
            "date": f"{said.day} {said:%b %Y}",
            "text": turn["text"],
        },
        "text": "\n".join(part for part in (turn["text"], turn["caption"]) if part),
        "session": turn["sess"],
        "source": turn["speaker"],
        "occurred_at": said.isoformat(),
    }


def chosen(queries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A few questions, evenly spread over the conversation's."""
    step = max(1, len(queries) // ASKED)
    return queries[::step][:ASKED]


def call(path: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(  # noqa: S310 - the URL is the reader's own
        URL + path,
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token()}", "Content-Type": "application/json"},
        method="POST",
    )
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
            found: dict[str, Any] = json.load(answer)
            return found
    except urllib.error.HTTPError as error:
        sys.exit(f"{error.code} from {path}: {error.read().decode(errors='replace')}")
    except urllib.error.URLError as error:
        sys.exit(f"no server answers at {URL} ({error.reason}): start one with `make run`")


def token() -> str:
    if given := os.environ.get("SOMA_API_TOKEN"):
        return given
    path = Path(os.environ.get("SFM_DATA_DIR", "data")) / "token"
    if not path.exists():
        sys.exit(f"no token: set SOMA_API_TOKEN, or start the server here so that {path} exists")
    return path.read_text("utf-8").strip()


def shortened(line: str) -> str:
    flat = " ".join(line.split())
    return flat if len(flat) <= WIDTH else flat[: WIDTH - 1] + "…"


if __name__ == "__main__":
    main()
