"""NDJSON in: batches, keys, patience, what is told."""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfm_cli.bulk import ATTEMPTS, Sender
from sfm_cli.bulk_lines import MAX_LINES, Line, batches, key_of
from sfm_cli.client import BulkReply, Document
from sfm_cli.failures import Failure
from sfm_core.errors import (
    InvalidInput,
    KeyReused,
    RateLimited,
    SfmError,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from tests.unit.sfm_cli.soma_runner import STORED, FakeClient, run_soma

ONE = b'{"payload":{"n":1}}\n'


@dataclass
class Server(FakeClient):
    """Keeps receipts, as REST does; `troubles` are raised by the next calls, after storing."""

    troubles: list[SfmError] = field(default_factory=list)
    kept: dict[str, BulkReply] = field(default_factory=dict)
    stored: list[bytes] = field(default_factory=list)
    most: int = 1000

    async def store_bulk(self, memories: Sequence[bytes], *, key: str) -> BulkReply:
        if len(memories) > self.most:
            raise Failure.of(TooLarge("the body is too large"))
        replayed = key in self.kept
        if not replayed:
            self.stored += memories
            results = [STORED | {"index": i, "status": 201} for i in range(len(memories))]
            self.kept[key] = BulkReply(document={"results": results}, replayed=False)
        if self.troubles:
            raise Failure.of(self.troubles.pop(0))
        return BulkReply(document=self.kept[key].document, replayed=replayed)


async def _sent(server: Server, text: bytes) -> tuple[Sender, list[Document], list[float]]:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    sender = Sender(server, "demo", sleep=sleep)
    results = [result for batch in batches(io.BytesIO(text)) async for result in sender.send(batch)]
    return sender, results, slept


@given(st.lists(st.sampled_from([b"{}\n", b"\n", b"  \n", b"nope\n", b'{"a":1}\r\n'])))
@settings(max_examples=50)
def test_batches_hold_every_line_once_in_order_with_its_number(lines: list[bytes]) -> None:
    found = list(batches(io.BytesIO(b"".join(lines))))
    numbers = [(line.number, line.raw) for batch in found for line in batch.lines]
    wanted = [(n, raw.strip()) for n, raw in enumerate(lines, 1) if raw.startswith(b"{")]
    assert numbers == wanted
    refused = [n for batch in found for n, _ in batch.refused]
    assert refused == [n for n, raw in enumerate(lines, 1) if raw == b"nope\n"]
    assert sum(batch.size_bytes for batch in found) == sum(map(len, lines))


def test_a_batch_ends_after_500_lines_wherever_reading_is_interrupted() -> None:
    text = ONE * (2 * MAX_LINES + 1)
    assert [len(b.lines) for b in batches(io.BytesIO(text))] == [MAX_LINES, MAX_LINES, 1]
    cut = [b.lines for b in batches(io.BytesIO(text[: len(ONE) * 700]))]
    assert cut[0] == next(batches(io.BytesIO(text))).lines


def test_a_batch_ends_before_it_is_too_large_for_one_request() -> None:
    line = b'{"payload":{"t":"' + b"x" * 1_000_000 + b'"}}\n'
    assert [len(b.lines) for b in batches(io.BytesIO(line * 20))] == [9, 9, 2]


def test_a_line_that_is_too_long_is_refused_and_the_next_one_is_not() -> None:
    text = b'"' + b"x" * 3_000_000 + b'"\n' + ONE
    [batch] = batches(io.BytesIO(text))
    [(number, failure)] = batch.refused
    assert (number, failure.document["status"]) == (1, 413)
    assert [line.number for line in batch.lines] == [2]
    assert batch.size_bytes == len(text)


def test_a_key_tells_content_place_and_namespace_apart() -> None:
    lines = [Line(1, b"1"), Line(2, b"2")]
    others = [
        key_of("other", lines),
        key_of("demo", lines[:1]),
        key_of("demo", [Line(2, b"1"), Line(3, b"2")]),
        key_of("demo", [Line(1, b"12")]),
    ]
    assert key_of("demo", lines) == key_of("demo", list(lines))
    assert len({key_of("demo", lines), *others}) == 5


async def test_an_outage_is_waited_out_and_nothing_is_stored_twice() -> None:
    server = Server(troubles=[Unavailable("down"), Unavailable("down"), RateLimited("slowly")])
    sender, results, slept = await _sent(server, ONE * 3)
    assert server.stored == [ONE.strip()] * 3
    assert [r["status"] for r in results] == [201] * 3
    assert (sender.tally.stored, sender.tally.replayed) == (3, 3)
    assert slept == [0.25, 0.5, 1.0]


async def test_an_outage_that_lasts_ends_it() -> None:
    server = Server(troubles=[Unavailable("down")] * ATTEMPTS)
    with pytest.raises(Failure) as caught:
        await _sent(server, ONE)
    assert caught.value.code == 5
    assert server.troubles == []


@pytest.mark.parametrize("error", [Unauthenticated("who?"), KeyReused("used")])
async def test_what_no_wait_can_mend_is_not_tried_again(error: SfmError) -> None:
    with pytest.raises(Failure) as caught:
        await _sent(Server(troubles=[error]), ONE * 2)
    assert caught.value.document["detail"] == error.detail


async def test_a_batch_refused_as_a_whole_is_split_down_to_the_line_at_fault() -> None:
    server = Server(most=2)
    sender, results, _ = await _sent(server, ONE * 7)
    assert [r["line"] for r in results] == [1, 2, 3, 4, 5, 6, 7]
    assert server.stored == [ONE.strip()] * 7
    assert sender.tally.failed == 0
    sender, results, _ = await _sent(Server(most=0), ONE * 3)
    assert [r["error"]["status"] for r in results] == [413] * 3
    assert sender.tally.failed == 3


async def test_a_line_refused_with_its_whole_batch_is_told_with_its_own_paths() -> None:
    client = FakeClient({"store_bulk": InvalidInput("bad", path="/items/0/kind")})
    batch = next(batches(io.BytesIO(ONE * 2)))
    results = [result async for result in Sender(client, "demo").send(batch)]
    assert [r["error"]["errors"][0]["path"] for r in results] == ["/kind", "/kind"]
    assert [r["line"] for r in results] == [1, 2]


async def test_a_second_run_replays_what_the_first_had_stored() -> None:
    server = Server()
    await _sent(server, ONE * 500)
    sender, _, _ = await _sent(server, ONE * 1200)
    assert len(server.stored) == 1200
    assert (sender.tally.created, sender.tally.replayed) == (1200, 500)


def test_bad_lines_are_reported_with_number_and_path_and_stop_no_other(tmp_path: Path) -> None:
    file = tmp_path / "in.ndjson"
    good = '{"payload": {"text": "tea"}, "coordinate": [1]}'
    bad = '{"payload": 3, "tags": [1], "importance": "much"}'
    file.write_text(f"{good}\n\nnope\n{bad}\n7\n")
    done = run_soma("store-bulk", str(file))
    assert done.exit_code == 1
    assert done.stderr.splitlines() == [
        "soma: line 3: the line is not JSON (line 1, column 1)",
        "soma: line 4: /payload: must be an object",
        "soma: line 4: /importance: must be a number",
        "soma: line 4: /tags/0: must be a string",
        "soma: line 5: must be an object",
    ]
    assert done.stdout == "1 of 4 lines stored (1 new, 0 over or known already)\n"


def test_with_json_there_is_a_result_per_line_and_the_summary_on_stderr() -> None:
    text = '{"payload": {"text": "tea"}, "coordinate": [1]}\nnope\n'
    done = run_soma("store-bulk", "-", "--json", stdin=text)
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert (first["line"], first["status"], first["coordinate"]) == (1, 201, [1])
    assert (second["line"], second["status"], second["error"]["title"]) == (2, 400, "Not JSON")
    assert json.loads(done.stderr) == {
        "lines": 2,
        "created": 1,
        "over": 0,
        "replayed": 0,
        "failed": 1,
        "finished": True,
    }


def test_a_bulk_that_is_cut_off_says_how_far_it_came() -> None:
    error = InvalidInput("not yours")
    reply = {"results": [STORED | {"index": i, "status": 201} for i in range(500)]}
    client = FakeClient({"store_bulk": [reply, Unauthenticated(error.detail)]})
    done = run_soma("store-bulk", "-", client=client, stdin=ONE * 700)
    assert done.exit_code == 6
    assert done.stdout == ""
    said, why = done.stderr.splitlines()
    assert said.startswith("stopped: 500 of 500 lines stored (500 new, 0 over or known already);")
    assert why == "soma: not yours"


def test_nothing_to_store_is_no_failure() -> None:
    done = run_soma("store-bulk", "-", client=FakeClient(), stdin="\n\n")
    assert (done.exit_code, done.stdout[:10]) == (0, "0 of 0 lin")
