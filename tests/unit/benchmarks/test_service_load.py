"""The load generator's own arithmetic: nothing a slow server does may be hidden."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest

from benchmarks.service.material import material
from benchmarks.service.openloop import Connections, open_loop, quantile, row
from benchmarks.service.report import COLUMNS, print_results
from benchmarks.service.watch import Moment, costs, mean_ms, recall_parts, samples


def test_a_quantile_is_a_value_that_occurred() -> None:
    values = [float(n) for n in range(1, 101)]
    assert [quantile(values, q) for q in (0.5, 0.95, 0.99, 1.0)] == [50.0, 95.0, 99.0, 100.0]
    assert quantile([7.0], 0.99) == 7.0
    assert quantile([], 0.5) == 0.0


def test_a_row_counts_failures_apart() -> None:
    found = row(10, 2.0, [0.002, 0.001], failed=1, busy_s=0.5)
    assert (found["failed"], found["answered_per_s"], found["max_ms"]) == (1, 1.0, 2.0)
    assert (found["requests"], found["mean_ms"]) == (3, 1.5)


async def test_requests_start_on_time_while_others_are_stuck() -> None:
    started: list[int] = []
    release = anyio.Event()

    async def call(number: int) -> bool:
        started.append(number)
        if len(started) == 10:
            release.set()
        await release.wait()
        if number == 5:
            raise OSError
        return number != 7

    with anyio.fail_after(5):
        found = await open_loop(call, rate=100, seconds=0.1, first=5)

    assert started == list(range(5, 15))
    assert found["failed"] == 2
    assert found["max_ms"] >= 50.0


async def test_an_answer_is_read_whole_and_its_connection_used_again() -> None:
    asked: list[bytes] = []
    connections = 0

    async def serve(stream: anyio.abc.SocketStream) -> None:
        nonlocal connections
        connections += 1
        async with stream:
            for status in (b"201 Created", b"503 Service Unavailable"):
                asked.append(await stream.receive())
                await stream.send(b"HTTP/1.1 " + status + b"\r\ncontent-length: 4\r\n\r\nab")
                await stream.send(b"cd")

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610 - not Django's
    with anyio.fail_after(5):
        async with listener, anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, serve)
            client = Connections(f"http://127.0.0.1:{port}", "secret")
            request = client.request("PUT", "/v1/a/memories/1", {"payload": {"n": 1}})
            assert [await client.succeeds(request), await client.succeeds(request)] == [True, False]
            await client.aclose()
            tasks.cancel_scope.cancel()

    assert connections == 1
    assert asked[0] == asked[1]
    head, body = asked[0].split(b"\r\n\r\n")
    assert head.startswith(b"PUT /v1/a/memories/1 HTTP/1.1\r\n")
    assert b"Authorization: Bearer secret" in head
    assert f"Content-Length: {len(body)}".encode() in head
    assert json.loads(body) == {"payload": {"n": 1}}


def test_no_two_stored_turns_share_a_text_though_conversations_run_out(tmp_path: Path) -> None:
    turns = [
        {
            "id": f"D1:{n}",
            "sess": "s1",
            "speaker": "Ada",
            "date": "1:56 pm on 8 May, 2023",
            "text": f"first{n} second{n} third{n}",
            "caption": "",
        }
        for n in range(10)
    ]
    asked = [{"id": "0", "text": "who?", "cat": "a", "gold": ["D1:1"]}]
    units = [{"id": "c", "docs": turns, "queries": asked}]
    (tmp_path / "locomo.json").write_text(json.dumps({"name": "locomo", "units": units}), "utf-8")

    memories, questions = material(tmp_path, 35)

    assert questions == ["who?"]
    assert [memory["coordinate"] for memory in memories] == [[n] for n in range(35)]
    assert len({memory["text"] for memory in memories}) == 35
    assert len({memory["session"] for memory in memories}) == 4


def test_without_conversations_there_is_material_all_the_same(tmp_path: Path) -> None:
    memories, questions = material(tmp_path, 1000)
    assert len({memory["text"] for memory in memories}) == 1000
    assert questions


def _moment(seconds: float, sums: Mapping[str, float]) -> Moment:
    return Moment(server_s=seconds, postgres_s=seconds / 2, machine_s=4 * seconds, sums=sums)


def test_costs_are_per_request_and_what_others_used_is_told() -> None:
    found = costs(
        _moment(1.0, {}), _moment(3.0, {}), {"requests": 100, "generator_cpu_s": 1.0}, took_s=2.0
    )
    assert found == {
        "server_cpu_ms": 20.0,
        "postgres_cpu_ms": 10.0,
        "generator_cpu_ms": 10.0,
        "others_cores": 2.0,
    }


def test_a_load_in_another_mode_is_told_by_that_modes_figures() -> None:
    series = 'sfm_recall_duration_seconds{}{{mode="keyword",outcome="ok"}}'
    after = _moment(1.0, {series.format("_count"): 2.0, series.format("_sum"): 0.006})
    found = recall_parts(_moment(0.0, {}), after, {"mean_ms": 5.0}, mode="keyword")
    assert found["rest of the engine"] == 3.0
    assert recall_parts(_moment(0.0, {}), after, {"mean_ms": 5.0})["rest of the engine"] == 0.0


def test_the_table_of_parts_tells_the_words_apart_and_no_bulk_is_needed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    half: dict[str, Any] = dict.fromkeys(COLUMNS, 1.5)
    half |= {"parts_ms": {"embed": 2.0, "scan": 3.0}, "mean_ms": 5.5}
    load = {"saturation_per_s": 3.0, "half": [half], "steps": []}
    results = {
        "memories": 7,
        "start": {"first_s": 1, "later_s": 1, "later_first_recall_s": 1},
        "memory_mb": {"stored": {"server": 1.0}},
        "recall": {**load, "words": {"parts_ms": {"scan": 0.7}}},
        "store": load,
    }
    print_results(results)
    told = capsys.readouterr().out
    assert "bulk" not in told
    rows = [line for line in told.splitlines() if line.startswith("| ")]
    assert [row.split("|")[2].strip() for row in rows[1:]] == [
        *("2.00", "3.00", "0.70", "5.50"),
        "1.5 + 1.5",
    ]


def test_the_parts_of_a_recall_add_up_to_what_the_client_saw() -> None:
    scrape = """\
# HELP sfm_recall_stage_seconds Time of one stage of a recall.
sfm_recall_stage_seconds_count{stage="embed"} 4.0
sfm_recall_stage_seconds_sum{stage="embed"} 0.012
sfm_recall_duration_seconds_count{mode="hybrid",outcome="ok"} 4.0
sfm_recall_duration_seconds_sum{mode="hybrid",outcome="ok"} 0.028
sfm_http_request_duration_seconds_count{route="/v1/{ns}/recall"} 4.0
sfm_http_request_duration_seconds_sum{route="/v1/{ns}/recall"} 0.036
sfm_recall_batch_queries_sum 4.0
"""
    after = _moment(1.0, samples(scrape))
    assert after.sums["sfm_recall_batch_queries_sum"] == 4.0
    assert mean_ms(_moment(0.0, {}), after, "sfm_absent") == 0.0

    parts = recall_parts(_moment(0.0, {}), after, {"mean_ms": 10.0})

    assert parts["embed"] == 3.0
    assert parts["rest of the engine"] == 4.0
    assert parts["HTTP, JSON, guards"] == 2.0
    assert sum(parts.values()) == pytest.approx(10.0)
