"""`run_service` as a process of its own: what it says, and the code it ends with."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass

import pytest

PROGRAM = """
import sys, threading, time
import anyio, anyio.to_thread
from dataclasses import dataclass
from sfm_core.errors import Corrupt, Unavailable
from sfm_core.runtime import worker
from sfm_core.runtime.secret import Secret
from sfm_core.runtime.settings import setting
from sfm_core.runtime.worker_settings import WorkerSettings

worker.CLOSE_S = worker.HARD_S = 0.2

@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    worker: WorkerSettings
    url: Secret | None = setting("POSTGRES_URL", default=None, doc="")

async def drains(stopping):
    await stopping.wait()

async def is_ended(stopping):
    await stopping.wait()
    await anyio.sleep_forever()

async def clings(stopping):
    with anyio.CancelScope(shield=True):
        await anyio.sleep_forever()

async def holds_a_thread(stopping):
    threading.Thread(target=threading.Event().wait).start()
    await stopping.wait()

async def loses_the_store_when_stopped(stopping):
    await stopping.wait()
    raise Unavailable("the store does not answer")

async def finds_damage_when_stopped(stopping):
    await stopping.wait()
    raise Corrupt("a row is damaged")

async def has_no_store(stopping):
    raise Unavailable("the store does not answer")

async def has_a_bug(stopping):
    raise KeyError("words of a memory")

async def run(settings, stopping, *, tracing):
    print("up", flush=True)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(globals()[sys.argv[1]], stopping)

life = lambda settings: settings.worker
sys.exit(worker.run_service("sfm-test", Settings, run, life=life, require=["POSTGRES_URL"]))
"""
ENDS_WITHIN_S = 20.0
"""Far more than is needed, far less than for ever."""


@dataclass(frozen=True)
class Ended:
    code: int
    lines: list[dict[str, object]]

    def of(self, event: str) -> list[object]:
        """What the lines with this event give as reason or detail."""
        found = [line for line in self.lines if line["event"] == event]
        return [line.get("reason", line.get("detail")) for line in found]


def ended(body: str, *signals: signal.Signals, **env: str) -> Ended:
    """A service with this body, started, told to stop, and gone."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, body],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={
            "PATH": os.environ["PATH"],
            "POSTGRES_URL": "memory://",
            "SFM_SHUTDOWN_GRACE_SECONDS": "0.2",
            **env,
        },
    )
    with process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            for one in signals:
                process.send_signal(one)
            _, log = process.communicate(timeout=ENDS_WITHIN_S)
        finally:
            process.kill()
    return Ended(process.returncode, [json.loads(line) for line in log.splitlines()])


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
def test_a_service_that_drains_ends_with_zero_and_says_nothing_of_a_cut(
    which: signal.Signals,
) -> None:
    done = ended("drains", which)
    assert done.code == 0
    assert [line["event"] for line in done.lines] == ["service.stopping"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("is_ended", "still busy 0.4 s after the stop signal"),
        ("clings", "not gone 0.6 s after the stop signal"),
        ("loses_the_store_when_stopped", "the store does not answer"),
    ],
)
def test_a_stop_is_kept_whatever_still_holds_the_service(body: str, reason: str) -> None:
    done = ended(body, signal.SIGTERM)
    assert (done.code, done.of("service.cut")) == (0, [reason])


def test_a_thread_that_never_ends_does_not_keep_the_process() -> None:
    done = ended("holds_a_thread", signal.SIGTERM)
    assert (done.code, done.of("service.cut")) == (0, ["not gone 0.6 s after the stop signal"])


def test_a_second_signal_ends_the_grace_period() -> None:
    done = ended("is_ended", signal.SIGTERM, signal.SIGINT, SFM_SHUTDOWN_GRACE_SECONDS="600")
    assert (done.code, len(done.of("service.cut"))) == (0, 1)


def test_damage_is_a_failure_also_while_stopping() -> None:
    done = ended("finds_damage_when_stopped", signal.SIGTERM)
    assert (done.code, done.of("service.failed")) == (1, ["a row is damaged"])


def test_what_keeps_a_service_from_its_work_is_one_line_and_a_one() -> None:
    done = ended("has_no_store")
    assert (done.code, done.of("service.failed")) == (1, ["the store does not answer"])


def test_a_bug_is_told_by_its_place_and_never_by_its_words() -> None:
    done = ended("has_a_bug")
    assert (done.code, done.of("service.failed")) == (1, ["a bug"])
    assert done.lines[-1]["error"] == "KeyError"
    assert "words of a memory" not in str(done.lines)


def test_wrong_settings_are_told_all_at_once_and_it_does_not_start() -> None:
    done = ended("drains", POSTGRES_URL="", SFM_METRICS_PORT="no", SFM_LOG_LEVL="x")
    assert done.code == 2
    [detail] = done.of("settings.refused")
    for fault in ("POSTGRES_URL is required", "SFM_METRICS_PORT is not", "SFM_LOG_LEVEL?"):
        assert fault in str(detail)
