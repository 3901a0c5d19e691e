"""The command `soma`: which subcommands there are, and what the shell is told at the end."""

import importlib
import json
import os
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NoReturn, override

import click

from sfm_cli.failures import MEANINGS, ExitCode, Failure, OutputClosed
from sfm_cli.session import Session

COMMANDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "serve": ("serve", "Run everything here, in the foreground: REST on 9595."),
        "model": ("model", "List the models to embed with, or check one."),
        "migrate": ("migrate", "Bring the database's schema up to this version."),
        "settings": ("settings", "Print the effective settings and where each comes from."),
        "store": ("store", "Store a memory at a coordinate."),
        "remember": ("remember", "Store a memory; it finds its coordinate by itself."),
        "recall": ("recall", "Find the memories that matter for a question."),
        "get": ("get", "Show the memory at a coordinate."),
        "list": ("listing", "List memories, oldest first."),
        "range": ("inside", "List the memories inside a box of coordinates."),
        "keyword-search": ("keyword_search", "Find the memories that have a term in their text."),
        "patch": ("patch", "Change some of the memory at a coordinate."),
        "history": ("history", "List the versions of a memory, newest first."),
        "restore": ("restore", "Make an older version the newest; undoes a deletion."),
        "delete": ("delete", "Delete the memory at a coordinate."),
        "delete-many": ("delete_many", "Delete many memories, by coordinates or a filter."),
        "decay": ("decay", "Let expire, prune and decay what is due; --dry-run only tells."),
        "reconcile": (
            "reconcile",
            "Mend what differs from the record store; --dry-run tells.",
        ),
        "link": ("link", "Link a memory to another."),
        "unlink": ("unlink", "End a link."),
        "path": ("path", "Find the strongest way from a memory to another."),
        "neighbors": ("neighbors", "List the links of a memory, the strongest first."),
        "events": ("events", "Show what happened, in order; follow it."),
        "dlq": ("dlq", "Show the events that cannot take effect; put them back."),
        "erase": ("erase", "Erase a namespace for good, with a receipt."),
        "rebuild": ("rebuild", "Build what is derived anew, and compare digests."),
        "namespaces": ("namespaces", "List the namespaces there are."),
        "stats": ("stats", "Count what there is, and say how it is kept."),
        "export": ("export", "Write the namespace out as NDJSON."),
        "import": ("import_", "Read an export, or memories with coordinates, from NDJSON."),
        "store-bulk": ("store_bulk", "Store many memories from NDJSON; safe to run again."),
    }
)
"""Module under `sfm_cli.commands` (its `command`) and help line: known without importing it."""


class SomaGroup(click.Group):
    """Imports a command when it is asked for; turns every end into an exit code."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"sfm_cli.commands.{COMMANDS[cmd_name][0]}")
        found: click.Command = module.command
        return found

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    @override
    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(int(code)), said) for code, said in MEANINGS.items()])

    @override
    def main(self, *args: Any, **extra: Any) -> NoReturn:
        """Run a command line, then exit, whatever `standalone_mode` says."""
        extra["standalone_mode"] = False
        extra.setdefault("obj", Session(env=dict(os.environ)))
        try:
            code = super().main(*args, **extra)
            sys.stdout.flush()
        except click.ClickException as error:
            error.show()
            code = ExitCode.USAGE
        except click.Abort:
            code = ExitCode.INTERRUPTED
        except Failure as failure:
            report(failure)
            code = failure.code
        except (OutputClosed, BrokenPipeError):
            _discard_output()
            code = ExitCode.OUTPUT_CLOSED
        sys.exit(int(code) if isinstance(code, int) else ExitCode.OK)


def report(failure: Failure) -> None:
    """Say on stderr what failed: a line per fault, or the problem document."""
    if failure.as_json:
        click.echo(json.dumps(failure.document, separators=(",", ":")), err=True)
        return
    for line in failure.lines():
        click.echo(f"soma: {line}", err=True)


def _discard_output() -> None:
    """What is still buffered for stdout goes nowhere, without a complaint at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())


@click.group(cls=SomaGroup, no_args_is_help=True)
@click.version_option(package_name="sfm-cli", prog_name="soma", message="%(prog)s %(version)s")
def soma() -> None:
    """Store and recall the memories of an agent (SomaFractalMemory).

    A command works against the server of --url or SOMA_URL; else in this process, over
    POSTGRES_URL or the data directory SFM_DATA_DIR (./data); a server that holds that directory
    is found by itself. Data goes to stdout, everything else to stderr.
    """
