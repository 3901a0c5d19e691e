"""Become a program whose life is tied to the process that started it (on Linux).

Run as a script, in the child and before the program (`python -I -S tied.py SPEC`): `SPEC` is a JSON
file with `command`, `env`, `cwd` and `death_signal`, what the program gets when its parent ends,
however that comes about. Only the standard library: this starts before every program.
"""

import ctypes
import json
import os
import sys

PR_SET_PDEATHSIG = 1


def main(spec_file: str) -> None:
    """Never returns."""
    with open(spec_file, encoding="utf-8") as file:  # noqa: PTH123 - `pathlib` takes as long as all of this
        spec = json.load(file)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, spec["death_signal"], 0, 0, 0)
    os.chdir(spec["cwd"])
    os.execve(spec["command"][0], spec["command"], spec["env"])  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1])
