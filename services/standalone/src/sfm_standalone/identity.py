"""Which user the embedded PostgreSQL runs as: it refuses to be root.

who we are                  plan
an ordinary user            `same`: run as ourselves
root                        `namespace`: an ordinary user inside a user namespace, root outside
root, no user namespaces    `drop`: give the folder to an ordinary user and become that one
a uid without a name        `namespace` (initdb wants a name), or refuse
"""

import os
import pwd
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sfm_core.errors import Misconfigured

_ORDINARY = ("postgres", "nobody")


class Plan(StrEnum):
    """How the child becomes the user it runs as; words of `launch.py`'s command line."""

    SAME = "same"
    NAMESPACE = "namespace"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a child process runs as."""

    plan: Plan
    uid: int
    gid: int

    def command(
        self, program: Sequence[str], *, on_parent_death: int, parent: int | None = None
    ) -> list[str]:
        """A command line that runs `program` as this user, for a direct child of this process.

        On Linux the program gets the signal `on_parent_death` when the thread that started it
        ends, however that comes about. To become the program instead of starting it, give the
        pid of this process's own `parent`.
        """
        return [
            sys.executable,
            "-I",
            "-S",
            str(Path(__file__).with_name("launch.py")),
            str(os.getpid() if parent is None else parent),
            str(on_parent_death),
            str(self.plan),
            str(self.uid),
            str(self.gid),
            "--",
            *program,
        ]

    def hand_over(self, folder: Path) -> None:
        """Make `folder`, and give it and what lies in it to this user where that is not so."""
        folder.mkdir(mode=0o700, exist_ok=True)
        if self.plan is not Plan.DROP or folder.stat().st_uid == self.uid:
            return
        for parent, folders, files in os.walk(folder):
            for name in (*folders, *files):
                os.chown(Path(parent, name), self.uid, self.gid, follow_symlinks=False)
        os.chown(folder, self.uid, self.gid)  # last: it is the mark that all is done


def identity_for(cluster: Path) -> Identity:
    """Who PostgreSQL runs as, for a cluster that may or may not exist yet. Blocking, < 0.1 s.

    Raises:
        Misconfigured: there is no user it could run as.
    """
    uid = os.geteuid()
    if uid != 0 and _named(uid):
        return Identity(Plan.SAME, uid, os.getegid())
    owner = cluster.stat() if cluster.exists() else None
    if uid == 0 and owner is not None and owner.st_uid != 0 and _named(owner.st_uid):
        return Identity(Plan.DROP, owner.st_uid, owner.st_gid)
    ordinary = _ordinary_user()
    namespace = Identity(Plan.NAMESPACE, ordinary.pw_uid, ordinary.pw_gid)
    if _works(namespace):
        return namespace
    if uid != 0:
        raise Misconfigured(
            f"PostgreSQL cannot run as uid {uid}, which has no name in /etc/passwd: "
            "run as a named user, or give POSTGRES_URL"
        )
    return Identity(Plan.DROP, ordinary.pw_uid, ordinary.pw_gid)


def _named(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _ordinary_user() -> pwd.struct_passwd:
    for name in _ORDINARY:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    for entry in pwd.getpwall():
        if entry.pw_uid != 0:
            return entry
    raise Misconfigured(
        "PostgreSQL does not run as root, and /etc/passwd names no other user: "
        "run as an ordinary user, or give POSTGRES_URL"
    )


def _works(identity: Identity) -> bool:
    if sys.platform != "linux":
        return False
    probe = identity.command([sys.executable, "-I", "-S", "-c", ""], on_parent_death=9)
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0  # noqa: S603
