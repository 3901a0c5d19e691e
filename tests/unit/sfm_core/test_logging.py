import ast
import io
import json
import logging
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import anyio
import pytest

from sfm_core.errors import Unavailable
from sfm_core.runtime.logging import configure, in_request
from sfm_core.runtime.secret import Secret

log = logging.getLogger("sfm_core.test")
TOUCHED = ("asyncio", "asyncpg", "httpx", "httpcore", "hypercorn.error", "hypercorn.access")


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    levels = {name: logging.getLogger(name).level for name in TOUCHED}
    stream = io.StringIO()
    configure("debug", stream)
    yield stream
    logging.captureWarnings(capture=False)
    root.handlers[:] = before
    root.setLevel(level)
    for name, was in levels.items():
        logging.getLogger(name).setLevel(was)


def fail(error: Exception, cause: Exception | None = None) -> NoReturn:
    raise error from cause


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_line_with_its_fields(stream: io.StringIO) -> None:
    log.info("batch.settled", extra={"size": 3, "took_s": 0.5, "topic": "a\nb", "ok": True})
    [line] = lines(stream)
    assert line.pop("ts").endswith("Z")
    assert line == {
        "level": "info",
        "event": "batch.settled",
        "logger": "sfm_core.test",
        "size": 3,
        "took_s": 0.5,
        "topic": "a\nb",
        "ok": True,
    }


async def test_lines_carry_the_request_they_belong_to_also_from_tasks(stream: io.StringIO) -> None:
    async def work() -> None:
        log.info("task.ran")

    with in_request("r-1", "t-1"):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(work)
    log.info("after.request")
    inside, after = lines(stream)
    assert (inside["request_id"], inside["trace_id"]) == ("r-1", "t-1")
    assert "request_id" not in after


def test_secrets_and_memory_text_are_never_written(stream: io.StringIO) -> None:
    log.info(
        "memory.stored",
        extra={
            "text": "hush",
            "payload": {"a": "hush"},
            "token": "hush",
            "dsn": "hush",
            "setting": Secret("hush"),
        },
    )
    try:
        fail(KeyError("hush"))
    except KeyError:
        log.exception("request.crashed")
    logging.getLogger("asyncpg").warning("cannot reach postgres://me:hush@db/x")
    assert "hush" not in stream.getvalue()
    assert lines(stream)[2]["message"] == "cannot reach postgres://***@db/x"


def test_a_failure_shows_its_class_stack_and_cause(stream: io.StringIO) -> None:
    try:
        fail(Unavailable("the store does not answer"), OSError("secret host"))
    except Unavailable:
        log.exception("request.failed")
    [line] = lines(stream)
    assert (line["error"], line["cause"]) == ("Unavailable", "OSError")
    assert line["detail"] == "the store does not answer"
    assert line["stack"][-1].startswith("unit/sfm_core/test_logging.py:")


def test_a_group_names_what_is_in_it(stream: io.StringIO) -> None:
    try:
        fail(ExceptionGroup("both", [KeyError("a"), ValueError("b")]))
    except ExceptionGroup:
        log.exception("service.crashed")
    assert lines(stream)[0]["errors"] == ["KeyError", "ValueError"]


def test_libraries_are_tamed(stream: io.StringIO) -> None:
    logging.getLogger("hypercorn.access").info("GET /v1/ns/memories/1,2,3")
    logging.getLogger("hypercorn.error").info("Running on")
    logging.getLogger("hypercorn.error").warning("odd")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("a warning", UserWarning, stacklevel=1)
    events = [(line["event"], line["level"]) for line in lines(stream)]
    assert events == [("hypercorn.error.logged", "warning"), ("py.warnings.logged", "warning")]


@pytest.mark.parametrize("value", ["\ud800", 2**70, b"\xff", float("nan"), object()])
def test_no_value_breaks_the_log(stream: io.StringIO, value: object) -> None:
    log.info("odd.seen", extra={"value": value})
    [line] = lines(stream)
    assert line["event"] == "odd.seen"


def test_long_values_are_cut(stream: io.StringIO) -> None:
    log.info("long.seen", extra={"value": "x" * 100_000})
    assert len(stream.getvalue()) < 3000


def test_less_severe_lines_are_left_out() -> None:
    stream = io.StringIO()
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    try:
        configure("warning", stream)
        log.info("not.written")
        log.warning("is.written")
    finally:
        logging.captureWarnings(capture=False)
        root.handlers[:] = before
        root.setLevel(level)
    assert [line["event"] for line in lines(stream)] == ["is.written"]


# --- the list of events ---------------------------------------------------------------------

ROOT = Path(__file__).parents[3]
METHODS = ("debug", "info", "warning", "error", "exception", "critical")


def written() -> Iterator[tuple[str, str]]:
    """(where, event) of every log call of the product."""
    for source in [*ROOT.glob("libs/*/src/**/*.py"), *ROOT.glob("services/*/src/**/*.py")]:
        for node in ast.walk(ast.parse(source.read_text("utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id="log" | "_LOG" | "_log"), attr=attr),
                    args=[ast.Constant(value=str(event)), *_],
                ) if attr in METHODS:
                    yield str(source.relative_to(ROOT)), event


def test_every_event_of_the_code_is_in_the_document_and_well_named() -> None:
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    listed = set(re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \|", text, re.MULTILINE))
    calls = list(written())
    assert calls
    assert [call for call in calls if call[1] not in listed] == []
    assert [call for call in calls if not re.fullmatch(r"[a-z_]+\.[a-z_]+", call[1])] == []
