"""SQL lives in files, as `-- name --` blocks, and is loaded by name."""

import re
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Final

_BLOCK: Final = re.compile(r"^-- ([a-z_]+) --$", re.MULTILINE)


def load_queries(topic: str) -> Mapping[str, str]:
    """The statements of `sql/<topic>.sql` by name, without their trailing semicolon.

    Raises:
        ValueError: a name is used twice, or text stands before the first name.
    """
    text = files(__package__).joinpath("sql", f"{topic}.sql").read_text("utf-8")
    head, *parts = _BLOCK.split(text)
    if head.strip():
        raise ValueError(f"{topic}.sql does not start with a name")
    names, bodies = parts[::2], parts[1::2]
    if len(set(names)) != len(names):
        raise ValueError(f"{topic}.sql uses a name twice")
    return MappingProxyType(
        {name: body.strip().rstrip(";") for name, body in zip(names, bodies, strict=True)}
    )


def load_migrations() -> Mapping[str, str]:
    """The migrations by name (`0001_…`), oldest first."""
    folder = files(__package__).joinpath("migrations")
    found = {
        entry.name.removesuffix(".sql"): entry.read_text("utf-8")
        for entry in folder.iterdir()
        if entry.name.endswith(".sql")
    }
    return MappingProxyType(dict(sorted(found.items())))
