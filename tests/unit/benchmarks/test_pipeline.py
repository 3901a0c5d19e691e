"""The arithmetic of the pipeline's benchmark: what it says of a run must be what was seen."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import pytest

from benchmarks.pipeline.__main__ import PARTS, kept
from benchmarks.pipeline.catchup import Progress, pace
from benchmarks.pipeline.growth import by_stage
from benchmarks.pipeline.memory import compared
from benchmarks.pipeline.meter import Moment
from benchmarks.pipeline.report import Cell, Table, growth, quantile
from benchmarks.pipeline.summary import summary


def looks(*seen: tuple[float, float, float]) -> list[Progress]:
    return [Progress(at, done, cpu, 2 * cpu) for at, done, cpu in seen]


def test_a_pace_has_no_start_in_it_and_no_waiting_at_the_end() -> None:
    found = pace(
        looks(
            (0, 0, 1.0), (9, 0, 1.1), (10, 100, 1.2), (11, 300, 1.4), (12, 500, 1.6), (20, 500, 2)
        )
    )
    assert found == pytest.approx({"per_s": 200, "cpu_us": 1000, "store_cpu_us": 2000})


def test_a_pace_is_not_told_of_one_leap() -> None:
    with pytest.raises(ValueError, match="too few"):
        pace(looks((0, 0, 0), (1, 500, 1), (2, 500, 1)))


def test_growth_compares_the_ends_and_forgives_one_bad_step() -> None:
    assert growth([10, 10, 99, 10, 10, 10, 5, 20, 20]) == 2.0
    assert growth([10, 30]) == 3.0
    assert growth([7]) == 1.0


def test_a_stage_s_costs_stand_in_one_row_by_the_size_of_the_log() -> None:
    rows: list[dict[str, Cell]] = [
        {"log": 100_000, "stage": "relay", "wall_us": 50.0, "own_us": 30.0, "postgres_us": 10.0},
        {"log": 100_000, "stage": "store", "wall_us": 9.0, "own_us": 1.0, "postgres_us": 2.0},
        {"log": 200_000, "stage": "relay", "wall_us": 75.0, "own_us": 60.0, "postgres_us": 20.0},
        {"log": 200_000, "stage": "store", "wall_us": 9.0, "own_us": 1.0, "postgres_us": 2.0},
    ]
    relay, store = by_stage(rows)
    assert list(relay.values()) == ["relay", 40, 80, "2.00", "1.50"]
    assert list(store.values()) == ["store", 3, 3, "1.00", "1.00"]
    assert list(relay)[1:3] == ["100k", "200k"]


def test_memory_is_summed_over_all_programs() -> None:
    rest, loaded = (
        {"api": (10.0, 20.0), "kafka": (5.0, 6.0)},
        {"api": (30.0, 40.0), "kafka": (5.0, 6.0)},
    )
    assert [list(row.values()) for row in compared(rest, loaded)] == [
        ["api", 10, 30, 40],
        ["kafka", 5, 5, 6],
        ["**all**", 15, 35, 46],
    ]


def test_a_table_can_be_published_as_it_is() -> None:
    table = Table("x", "About:", [{"what": "a", "n": 3, "ms": 1.25}], digits=1)
    assert table.markdown().splitlines() == [
        *("About:", "", "| what | n | ms |", "| --- | --- | --- |", "| a | 3 | 1.2 |"),
    ]
    assert Table("x", "Nothing.", []).markdown().startswith("Nothing.")


def test_parts_that_did_not_run_keep_their_results(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.json"
    path.write_text(json.dumps({"lag": {"commit": "a"}, "order": {"commit": "a"}}))
    found = kept(path, [Table("lag", "Lag.", [{"p50": 1}])], {"commit": "b"})
    assert found == {
        "lag": {"commit": "b", "about": "Lag.", "rows": [{"p50": 1}]},
        "order": {"commit": "a"},
    }


def test_a_moment_tells_microseconds_an_event() -> None:
    took = Moment(10.0, 2.0, 5.0).since(Moment(8.0, 1.0, 4.5))
    assert took.per(1_000) == pytest.approx(
        {"wall_us": 2000.0, "own_us": 1000.0, "postgres_us": 500.0}
    )


def test_the_summary_says_the_worst_of_each_part_and_leaves_out_what_never_ran() -> None:
    def part(*rows: dict[str, Cell]) -> dict[str, Any]:
        return {"commit": "0123456789abcdef", "rows": rows}

    found = summary(
        {
            "lag": part(
                {"interval ms": 100, "lag p50": 1, "p95": 2, "p99": 3},
                {"interval ms": 50, "lag p50": 4, "p95": 5, "p99": 6},
            ),
            "order": part({"equal": "1.000", "wrong": 0}, {"equal": "0.995", "wrong": 1}),
            "growth": part(
                {"stage": "relay", "last / first": "1.10"}, {"stage": "x", "last / first": "0.90"}
            ),
        }
    )
    assert [row["found"] for row in found.rows] == ["4 / 5 / 6", "0.995; 1", "1.10 (relay)"]
    assert {row["commit"] for row in found.rows} == {"0123456789ab"}


def test_a_quantile_occurred() -> None:
    assert [quantile([3.0, 1.0, 2.0], share) for share in (0.0, 0.5, 1.0)] == [1.0, 2.0, 3.0]


def test_the_parts_arguments_do_not_clash() -> None:
    parser = ArgumentParser()
    for part in PARTS.values():
        part.add_arguments(parser)
    assert parser.parse_args([]).log_events == 1_000_000
