"""What keeps the other workers away from a test marked `alone`."""

import os
import re
import subprocess
import sys
from pathlib import Path
from threading import Event, Thread
from time import monotonic

from tests.alone import Machine

ROOT = Path(__file__).parents[2]
RUN = """
import os, pathlib, pytest

LOG = pathlib.Path(os.environ["SFM_TEST_LOG"])

def note(words):
    for word in words:
        with LOG.open("a") as log:
            log.write(word)

@pytest.mark.parametrize("n", range(20))
def test_in_company(n):
    note("+" * 50)

@pytest.mark.alone
@pytest.mark.parametrize("n", range(5))
def test_alone(n):
    note("[" + "." * 200 + "]")
"""


def test_who_waits_for_the_machine_gets_it_before_who_came_later(tmp_path: Path) -> None:
    first, alone, later = (Machine(tmp_path) for _ in range(3))
    order: list[str] = []
    waits = Event()

    def have(machine: Machine, name: str, *, is_alone: bool) -> None:
        waits.set()
        with machine.held(alone=is_alone):
            order.append(name)

    with first.held(alone=False):
        waiting = Thread(target=have, args=(alone, "alone"), kwargs={"is_alone": True})
        waiting.start()
        waits.wait(5)
        due = monotonic() + 20
        while not _shut(tmp_path):
            assert monotonic() < due
        company = Thread(target=have, args=(later, "later"), kwargs={"is_alone": False})
        company.start()
        assert order == []
    for thread in (waiting, company):
        thread.join(5)
    assert order == ["alone", "later"]
    for machine in (first, alone, later):
        machine.close()


def _shut(folder: Path) -> bool:
    """Whether somebody holds the door."""
    import fcntl

    with (folder / "door").open("ab") as door:
        try:
            fcntl.flock(door, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_two_workers_run_everything_and_leave_the_marked_ones_alone(tmp_path: Path) -> None:
    log = tmp_path / "log"
    (tmp_path / "test_it.py").write_text(RUN)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    alone: for itself\n")
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST_", "SFM_", "COV"))
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.alone", "-n", "2", str(tmp_path)],
        env={**env, "SFM_TEST_LOG": str(log), "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "25 passed" in done.stdout
    said = log.read_text()
    alone = re.findall(r"\[([^\]]*)\]", said)
    assert [set(one) for one in alone] == [{"."}] * 5, said
    assert said.count("+") == 20 * 50
