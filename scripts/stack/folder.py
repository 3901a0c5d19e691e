"""The folder of a stack: its data, its logs, and who runs from it.

lock            flock of the `make stack` or `make stack-down` at work
token           the API token, when none is given (0600)
stack.json      where everything answers (0600: with PostgreSQL's password); gone when it is down
programs/       what is run, one JSON file each (0600); gone when it is down
logs/           one file per program, and `supervisor.log`
run/            the socket of the process manager, where the path is short enough for one
postgres/ valkey/ kafka/ qdrant/ views/         data
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from sfm_standalone.socket_folder import socket_folder

ROOT: Final = Path(__file__).resolve().parents[2]
"""Of the checkout: programs run from here."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where everything answers."""

    api: str
    kafka: str
    postgres: str
    """With the role's password."""
    redis: str
    qdrant: str
    services: Mapping[str, str] = field(default_factory=dict)
    """URL of each service, by name."""


@dataclass(frozen=True, slots=True)
class StackFolder:
    path: Path

    @classmethod
    def of(cls, path: Path) -> Self:
        return cls(path.resolve())

    @property
    def programs(self) -> Path:
        return self.path / "programs"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def endpoints_file(self) -> Path:
        return self.path / "stack.json"

    @property
    def supervisor_config(self) -> Path:
        return self.programs / "supervisord.conf"

    @property
    def sockets(self) -> Path:
        """Made if it is not there."""
        return socket_folder(self.path)

    def log(self, program: str) -> Path:
        return self.logs / f"{program}.log"

    def make(self) -> None:
        """The folders that programs find; their data's they make themselves."""
        for made in (self.path, self.programs, self.logs, self.path / "valkey"):
            made.mkdir(mode=0o700, parents=True, exist_ok=True)

    def announce(self, endpoints: Endpoints) -> None:
        write_private(self.endpoints_file, json.dumps(asdict(endpoints), indent=2) + "\n")

    def announced(self) -> Endpoints | None:
        """What the last start said; whether it still runs is another question."""
        try:
            said: dict[str, Any] = json.loads(self.endpoints_file.read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        return Endpoints(**said)


def write_private(path: Path, text: str) -> None:
    """Replace the file as a whole, readable by its owner alone from its first moment."""
    made = path.with_name(f".{path.name}.new")
    made.unlink(missing_ok=True)
    descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as output:
        output.write(text)
    made.replace(path)
