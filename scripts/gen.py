"""Writes the generated files anew; with `--check`, says which are not up to date (exit code 1).

docs/settings.md    every setting of the one-process server and of the services, from their classes
docs/events.md      the members of an event, from schemas/memory.event.json
libs/sfm-events/src/sfm_events/generated/memory_event.py
                    the same schema as code that checks a document
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fastjsonschema

from sfm_api.settings import ServiceSettings
from sfm_core.runtime.settings import SettingRow, describe, load
from sfm_kv_writer.settings import KvWriterSettings
from sfm_reconciler.settings import ReconcilerSettings
from sfm_standalone.settings import StandaloneSettings
from sfm_vector_indexer.settings import VectorIndexerSettings

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "schemas" / "memory.event.json"
SERVICES: Mapping[str, type[object]] = {
    "api": ServiceSettings,
    "kv-writer": KvWriterSettings,
    "vector-indexer": VectorIndexerSettings,
    "reconciler": ReconcilerSettings,
}
VALIDATOR = ROOT / "libs/sfm-events/src/sfm_events/generated/memory_event.py"


def settings_table() -> str:
    """The tables of docs/settings.md."""
    rows = sorted(describe(load(StandaloneSettings, {}), {}), key=lambda row: row.name)
    lines = [
        "# Settings of `soma serve`",
        "",
        "Environment variables, read once at the start. This page is written by `make gen`.",
        "",
        "| name | default | meaning |",
        "|---|---|---|",
        *(f"| `{row.name}` | {_value(row.value)} | {row.doc} |" for row in rows),
        "",
        "## What the services read beside these",
        "",
        "`python -m sfm_api` and the workers read the settings above that concern them, and these.",
        "",
        "| name | default | read by | meaning |",
        "|---|---|---|---|",
        *_services_rows({row.name for row in rows}),
    ]
    return "\n".join(lines) + "\n"


def _services_rows(known: set[str]) -> list[str]:
    env = {"SOMA_API_TOKEN": "a-token-for-the-table"}
    found: dict[str, dict[str, SettingRow]] = {}
    for service, settings in SERVICES.items():
        for row in describe(load(settings, env), {}):
            if row.name not in known:
                found.setdefault(row.name, {})[service] = row
    lines = []
    for name, rows in sorted(found.items()):
        values = dict.fromkeys(_value(row.value) for row in rows.values())
        doc = next(iter(rows.values())).doc
        lines.append(f"| `{name}` | {', '.join(values)} | {', '.join(rows)} | {doc} |")
    return lines


def _value(value: str) -> str:
    return f"`{value}`" if value else ""


def event_table() -> str:
    """The page docs/events.md."""
    schema = json.loads(SCHEMA.read_text("utf-8"))
    required = set(schema["required"])
    lines = [
        "# Events",
        "",
        schema["description"],
        "",
        "The contract is [`schemas/memory.event.json`](../schemas/memory.event.json).",
        "This page is written by `make gen`.",
        "",
        *_members(schema, required),
        "",
        "## `link`",
        "",
        *_members(schema["properties"]["link"], set(schema["properties"]["link"]["required"])),
    ]
    return "\n".join(lines) + "\n"


def _members(schema: Mapping[str, Any], required: set[str]) -> list[str]:
    return [
        "| member | type | required | meaning |",
        "|---|---|---|---|",
        *(
            f"| `{name}` | {_type(member)} | {'yes' if name in required else ''} |"
            f" {member['description']} |"
            for name, member in schema["properties"].items()
        ),
    ]


def _type(member: Mapping[str, Any]) -> str:
    if "enum" in member:
        return ", ".join(f"`{value}`" for value in member["enum"])
    if "$ref" in member:
        return {"uuid": "UUID", "instant": "RFC 3339 time", "coordinate": "numbers"}[
            str(member["$ref"]).rpartition("/")[2]
        ]
    return {"array": "array of " + str(member.get("items", {}).get("type")) + "s"}.get(
        member["type"], str(member["type"])
    )


def event_validator() -> str:
    """The module that `fastjsonschema` makes of the schema.

    Formats are left to `sfm_core.decode`, which knows more of them than a pattern can say.
    """
    schema = json.loads(SCHEMA.read_text("utf-8"))
    code = fastjsonschema.compile_to_code(
        schema, use_formats=False, use_default=False, detailed_exceptions=False
    )
    doc = '"""Made by `make gen` from schemas/memory.event.json."""'
    text: str = f"{doc}\n\n{code.split(chr(10), 1)[1].strip()}\n"
    return text


def main(arguments: list[str]) -> int:
    stale = 0
    made = {
        ROOT / "docs" / "settings.md": settings_table(),
        ROOT / "docs" / "events.md": event_table(),
        VALIDATOR: event_validator(),
    }
    for path, text in made.items():
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
