"""Writing to stdout: documents for scripts, tables for people."""

import json
import sys
from typing import Any, Final, override

import orjson
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from sfm_cli.client import Document
from sfm_cli.failures import OutputClosed

PIPE_WIDTH: Final = 120
"""Columns of a table that no terminal shows."""


class _Console(Console):
    @override
    def on_broken_pipe(self) -> None:
        raise OutputClosed


def say(shown: RenderableType) -> None:
    """Print for people; no colours where no terminal is."""
    terminal = sys.stdout.isatty()
    console = _Console(
        file=sys.stdout,
        width=None if terminal else PIPE_WIDTH,
        highlight=False,
        markup=False,
        emoji=False,
    )
    if terminal:
        console.print(shown)
        return
    with console.capture() as captured:
        console.print(shown)
    _write("\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n")


def say_json(document: Document) -> None:
    """Print one document on one line, as REST writes it."""
    try:
        line = orjson.dumps(document).decode()
    except TypeError:  # an integer beyond 64 bits, which only a newer server would send
        line = json.dumps(document, ensure_ascii=True)
    _write(line + "\n")


def plain(value: object) -> Text:
    """Somebody else's words on one line, with nothing in them that steers a terminal."""
    line = " ".join(str(value).split())
    return Text("".join(c if c.isprintable() else "�" for c in line))


def table(*columns: str, numbers: tuple[str, ...] = (), rest: str | None = None) -> Table:
    """An empty table; `numbers` are right-aligned, `rest` gets the width that is left."""
    made = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for name in columns:
        wide = name == rest
        made.add_column(
            name,
            justify="right" if name in numbers else "left",
            no_wrap=True,
            overflow="ellipsis" if wide else "fold",
            ratio=1 if wide else None,
        )
    made.expand = rest is not None
    return made


def facts(rows: dict[str, Any]) -> Table:
    """Names and values, one per line; values wrap."""
    made = Table(box=None, pad_edge=False, show_header=False)
    made.add_column(no_wrap=True, style="bold")
    made.add_column(overflow="fold")
    for name, value in rows.items():
        made.add_row(name, value if isinstance(value, Text) else plain(value))
    return made


def _write(text: str) -> None:
    """All of it, now: whoever follows a pipe sees each line when it is there."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise OutputClosed from None
