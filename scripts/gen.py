"""Writes the generated files anew; with `--check`, says which are not up to date (exit code 1).

docs/settings.md    every setting of the one-process server, from its settings class
"""

import sys
from pathlib import Path

from sfm_core.runtime.settings import describe, load
from sfm_standalone.settings import StandaloneSettings

ROOT = Path(__file__).resolve().parent.parent


def settings_table() -> str:
    """The table of docs/settings.md."""
    rows = describe(load(StandaloneSettings, {}), {})
    lines = [
        "# Settings of `soma serve`",
        "",
        "Environment variables, read once at the start. This page is written by `make gen`.",
        "",
        "| name | default | meaning |",
        "|---|---|---|",
        *(
            f"| `{row.name}` | {f'`{row.value}`' if row.value else ''} | {row.doc} |"
            for row in sorted(rows, key=lambda row: row.name)
        ),
    ]
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    stale = 0
    for path, text in {ROOT / "docs" / "settings.md": settings_table()}.items():
        if path.exists() and path.read_text("utf-8") == text:
            continue
        if arguments == ["--check"]:
            print(f"{path.relative_to(ROOT)} is not up to date: make gen")
            stale = 1
        else:
            path.write_text(text, "utf-8")
    return stale


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
