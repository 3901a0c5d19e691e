"""Become who PostgreSQL must run as, tie its life to ours, then `exec` it.

Run as a script (`python -I -S launch.py PARENT SIGNAL PLAN UID GID -- program args…`), in the child
and before PostgreSQL, so that nothing happens between `fork` and `exec` of the threaded parent.
Only the standard library: the interpreter starts without site packages.
"""

import ctypes
import os
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAPABILITY_VERSION_3 = 0x20080522
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2


def _prctl(libc: ctypes.CDLL, option: int, *arguments: int) -> None:
    padded = [ctypes.c_ulong(each) for each in (*arguments, 0, 0, 0, 0)[:4]]
    if libc.prctl(option, *padded) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}")


def _enter_user_namespace(uid: int, gid: int) -> None:
    """Be `uid` in a user namespace of our own: outside of it we stay who we are."""
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    os.unshare(os.CLONE_NEWUSER)
    for name, line in (
        ("setgroups", "deny"),
        ("gid_map", f"{gid} {outer_gid} 1"),
        ("uid_map", f"{uid} {outer_uid} 1"),
    ):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:  # noqa: PTH123
            file.write(line)


def _drop_to(libc: ctypes.CDLL, uid: int, gid: int) -> None:
    """Be `uid` for good, keeping of root's powers only that of reaching files.

    The data folder and the binaries may lie under a folder that only root may enter (`/root`).
    """
    _prctl(libc, PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    kept = (1 << CAP_DAC_OVERRIDE) | (1 << CAP_DAC_READ_SEARCH)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)(kept, kept, kept, 0, 0, 0)
    if libc.capset(header, sets) != 0:
        return  # a container without these powers: the folders have to be open to `uid`
    for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
        _prctl(libc, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability)


def main(arguments: Sequence[str]) -> None:
    """Never returns: becomes the program, or raises what stood in the way."""
    parent, signal_number, plan, uid, gid, _, *command = arguments
    if os.getpgrp() != os.getpid():  # else we lead a group of our own, and may not make another
        os.setsid()  # a Ctrl-C in the terminal is for the parent, which stops us in its own time
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if plan == "namespace":
            _enter_user_namespace(int(uid), int(gid))
        elif plan == "drop":
            _drop_to(libc, int(uid), int(gid))
        # after the change of user, which would clear it
        _prctl(libc, PR_SET_PDEATHSIG, int(signal_number))
        if os.getppid() != int(parent):
            raise SystemExit(f"parent {parent} is gone")
    os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
