"""Views on disk: what comes back is what was saved, or nothing."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sfm_core.adapters.view_files import DiskViewFiles
from sfm_core.model.saved import SavedView

STAMP = "1|model|log"


def a_view(seed: int = 1, rows: int = 30) -> SavedView:
    numbers = np.random.default_rng(seed)
    return SavedView(
        arrays={
            "vectors": numbers.standard_normal((rows, 8)).astype(np.float32),
            "alive": np.ones(rows, dtype=np.bool_),
            "axes": np.full((rows, 2), np.nan),
            "versions": np.arange(rows),
            "empty": np.empty(0, dtype=np.int32),
        },
        texts={"terms": ["tea", "Lissabon", "茶"], "tags": [[], ["a", "b"]]},
        token=seed,
        position=seed + 1,
    )


def same(found: SavedView | None, expected: SavedView) -> bool:
    return (
        found is not None
        and (found.token, found.position) == (expected.token, expected.position)
        and dict(found.texts) == dict(expected.texts)
        and found.arrays.keys() == expected.arrays.keys()
        and all(
            found.arrays[n].dtype == a.dtype and np.array_equal(found.arrays[n], a, equal_nan=True)
            if a.dtype.kind == "f"
            else np.array_equal(found.arrays[n], a)
            for n, a in expected.arrays.items()
        )
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_what_was_saved_comes_back_whole_and_only_under_its_stamp(tmp_path: Path) -> None:
    files = DiskViewFiles(tmp_path / "views")
    assert await files.load("acme", stamp=STAMP) is None
    assert await files.save("acme", a_view(1), stamp=STAMP)
    assert await files.save("acme", a_view(2), stamp=STAMP)
    assert same(await files.load("acme", stamp=STAMP), a_view(2))
    assert await files.load("other", stamp=STAMP) is None
    assert await files.load("acme", stamp="another") is None
    assert await files.load("acme", stamp=STAMP) is None, "a stale file is removed"


async def test_views_are_for_their_owner_only(tmp_path: Path) -> None:
    files = DiskViewFiles(tmp_path / "views")
    await files.save("acme", a_view(), stamp=STAMP)
    [path] = (tmp_path / "views").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
async def test_a_damaged_file_is_none_at_all(tmp_path: Path, data: st.DataObject) -> None:
    files = DiskViewFiles(tmp_path)
    await files.save("acme", a_view(), stamp=STAMP)
    path = tmp_path / "acme.view"
    whole = path.read_bytes()
    kind = data.draw(st.sampled_from(["flip", "cut", "insert", "zeros", "tail"]))
    at = data.draw(st.integers(0, len(whole) - 1))
    if kind == "flip":
        broken = whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :]
    elif kind == "cut":
        broken = whole[:at]
    elif kind == "insert":
        broken = whole[:at] + b"\x07" + whole[at:]
    elif kind == "zeros":
        broken = whole[:at] + bytes(min(64, len(whole) - at)) + whole[at + 64 :]
    else:
        broken = whole + b"more"
    path.write_bytes(broken)
    found = await files.load("acme", stamp=STAMP)
    assert found is None or same(found, a_view()), "padding alone may differ"


@pytest.mark.parametrize("content", [b"", b"SFMVIEW1", b"SFMVIEW1" + b"\xff" * 8, b"x" * 4096])
async def test_what_is_no_view_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "acme.view").write_bytes(content)
    files = DiskViewFiles(tmp_path)
    assert await files.load("acme", stamp=STAMP) is None
    assert not (tmp_path / "acme.view").exists()


async def test_a_disk_that_takes_nothing_leaves_the_view_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = DiskViewFiles(tmp_path)
    await files.save("acme", a_view(1), stamp=STAMP)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert not await files.save("acme", a_view(2), stamp=STAMP)
    assert same(await files.load("acme", stamp=STAMP), a_view(1))
    assert names(tmp_path) == ["acme.view"]


async def test_only_the_named_namespaces_are_kept_and_half_written_files_go(
    tmp_path: Path,
) -> None:
    files = DiskViewFiles(tmp_path)
    for namespace in ("acme", "b.c", "gone"):
        await files.save(namespace, a_view(), stamp=STAMP)
    dead = subprocess.Popen([sys.executable, "-c", "pass"])
    dead.wait()
    half = tmp_path / f".acme.part-{dead.pid}-0"
    half.write_bytes(b"half")
    await files.keep_only(["acme", "b.c"])
    assert names(tmp_path) == ["acme.view", "b.c.view"]
    assert await files.drop("acme")
    assert await files.drop("acme")
    assert names(tmp_path) == ["b.c.view"]


async def test_what_a_crash_of_the_same_number_left_half_written_goes(tmp_path: Path) -> None:
    """In a container a process has the same number after each crash."""
    half = tmp_path / f".acme.part-{os.getpid()}-999999"
    half.write_bytes(b"half")
    await DiskViewFiles(tmp_path).keep_only(["acme"])
    assert names(tmp_path) == []


async def test_what_is_being_written_is_kept_by_a_start_and_comes_to_nothing_by_a_drop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, synced = DiskViewFiles(tmp_path), os.fsync
    seen: list[list[str]] = []

    def during(descriptor: int) -> None:
        synced(descriptor)
        if not seen:
            files._keep_only(frozenset({"acme", "a"}))
            seen.append(names(tmp_path))
            assert files._drop("a")
            seen.append(names(tmp_path))
            assert files._held("acme") == 1
            assert files._drop("acme")

    monkeypatch.setattr(os, "fsync", during)
    assert not await files.save("acme", a_view(), stamp=STAMP)
    assert [len(found) for found in seen] == [1, 1]
    assert (names(tmp_path), await files.held("acme")) == ([], 0)


async def test_a_drop_takes_the_files_of_just_its_namespace(tmp_path: Path) -> None:
    files = DiskViewFiles(tmp_path)
    for namespace in ("a", "a.part-1-2", "a.view", "b"):
        await files.save(namespace, a_view(), stamp=STAMP)
    for half in (".a.part-7-7", ".a.part-1-2.part-7-7"):
        (tmp_path / half).write_bytes(b"half")
    assert await files.held("a") == 2
    assert await files.drop("a")
    assert names(tmp_path) == [
        ".a.part-1-2.part-7-7", "a.part-1-2.view", "a.view.view", "b.view",
    ]  # fmt: skip


async def test_what_cannot_be_removed_or_seen_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = DiskViewFiles(tmp_path)
    await files.save("acme", a_view(), stamp=STAMP)

    def refused(path: Path, *_: Any, **__: Any) -> None:
        raise PermissionError(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refused)
        assert not await files.drop("acme")
        assert await files.held("acme") == 1
    with monkeypatch.context() as patch:
        patch.setattr(Path, "iterdir", refused)
        assert not await files.drop("acme")
        assert await files.held("acme") == 1
    assert await files.drop("acme")
    assert await files.held("acme") == 0


WRITER = """
import sys
from pathlib import Path
import anyio
from sfm_core.adapters.view_files import DiskViewFiles
from tests.unit.sfm_core.adapters.test_view_files import STAMP, a_view

async def main():
    files, seed = DiskViewFiles(Path(sys.argv[1])), 0
    while True:
        await files.save("acme", a_view(seed % 7, rows=5000), stamp=STAMP)
        print(seed, flush=True)
        seed += 1

anyio.run(main)
"""


async def test_a_kill_while_writing_leaves_one_whole_view(tmp_path: Path) -> None:
    for lines in (1, 3, 6):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        for _ in range(lines):
            writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        found = await DiskViewFiles(tmp_path).load("acme", stamp=STAMP)
        assert found is not None
        assert same(found, a_view(found.token, rows=5000))


def test_helpers_tell_views_apart() -> None:
    assert same(a_view(1), a_view(1))
    changed: dict[str, Any] = {**a_view(1).arrays, "versions": np.arange(30) + 1}
    other = SavedView(arrays=changed, texts=a_view(1).texts, token=1, position=2)
    assert not same(other, a_view(1))
