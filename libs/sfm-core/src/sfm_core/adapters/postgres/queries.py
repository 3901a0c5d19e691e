"""SQL lives in files, as `-- name --` blocks, and is loaded by name."""

import re
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Final

_BLOCK: Final = re.compile(r"^-- ([a-z_]+) --$", re.MULTILINE)
_INCLUDE: Final = re.compile(r"^ *-- include ([a-z_]+) (.*) --$", re.MULTILINE)


def load_queries(topic: str) -> Mapping[str, str]:
    """The statements of `sql/<topic>.sql` by name, without their trailing semicolon.

    A line `-- include <part> <name>=<parameter> … --` stands for `sql/parts/<part>.sql` with the
    parameter in the place of each `{name}`.

    Raises:
        ValueError: a name is used twice, or text stands before the first name.
    """
    text = files(__package__).joinpath("sql", f"{topic}.sql").read_text("utf-8")
    head, *parts = _BLOCK.split(_INCLUDE.sub(_part, text))
    if head.strip():
        raise ValueError(f"{topic}.sql does not start with a name")
    names, bodies = parts[::2], parts[1::2]
    if len(set(names)) != len(names):
        raise ValueError(f"{topic}.sql uses a name twice")
    return MappingProxyType(
        {name: body.strip().rstrip(";") for name, body in zip(names, bodies, strict=True)}
    )


def _part(line: re.Match[str]) -> str:
    text = files(__package__).joinpath("sql", "parts", f"{line[1]}.sql").read_text("utf-8")
    for word in line[2].split():
        name, _, parameter = word.partition("=")
        text = text.replace(f"{{{name}}}", parameter)
    return text.rstrip()


def load_migrations() -> Mapping[str, str]:
    """The migrations by name (`0001_…`), oldest first."""
    folder = files(__package__).joinpath("migrations")
    found = {
        entry.name.removesuffix(".sql"): entry.read_text("utf-8")
        for entry in folder.iterdir()
        if entry.name.endswith(".sql")
    }
    return MappingProxyType(dict(sorted(found.items())))
