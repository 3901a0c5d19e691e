"""`soma model`."""

from pathlib import Path
from typing import Any

import click

from sfm_cli.failures import ExitCode, told
from sfm_cli.output import plain, say, say_json, table
from sfm_cli.session import Session, run
from sfm_cli.wiring import check_model, list_models
from sfm_core.runtime.settings import load
from sfm_standalone.settings import StandaloneSettings


@click.group("model")
def command() -> None:
    """Which models there are to embed with, and whether one does what it should.

    Works in this process, whatever server there is; SFM_EMBEDDER and SFM_MODEL_DIR say which
    one a server started here would use.
    """


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help='Print {"models": [objects]}.')
@click.pass_obj
def list_(session: Session, *, as_json: bool) -> None:
    """The models at hand; the one in use is marked."""
    found = _asked(session, as_json, list_models)
    if as_json:
        say_json({"models": found})
        return
    made = table(
        "", "name", "dim", "meaning", "revision", "folder", numbers=("dim",), rest="folder"
    )
    for one in found:
        made.add_row(
            "*" if one["in_use"] else "",
            plain(one["name"]),
            str(one["dim"]),
            "yes" if one["semantic"] else "no",
            one["model_revision"],
            plain(one["path"] or ""),
        )
    say(made)


@command.command("check")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help='Print {"model", "checks", "ok"}.')
@click.pass_obj
def check(session: Session, *, folder: Path | None, as_json: bool) -> None:
    """Try the model in FOLDER, else the one in use, on a few texts.

    Vectors of norm 1 and of the stated length, the same bits alone and among others, questions
    nearer to their answers than to strangers. Exit code 1 when it fails, 8 when it is no model.
    """
    found = _asked(session, as_json, lambda settings: run(lambda: check_model(settings, folder)))
    if as_json:
        say_json(found)
    else:
        made = table("check", "", "seen", rest="seen")
        for one in found["checks"]:
            made.add_row(one["name"], "ok" if one["ok"] else "FAILED", plain(one["detail"]))
        say(f"{found['model']['name']}, {found['model']['model_revision']}")
        say(made)
    if not found["ok"]:
        click.get_current_context().exit(int(ExitCode.FAILED))


def _asked(session: Session, as_json: bool, ask: Any) -> Any:  # noqa: ANN401
    with told(as_json=as_json):
        return ask(load(StandaloneSettings, session.env))
