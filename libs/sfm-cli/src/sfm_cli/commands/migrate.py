"""`soma migrate`."""

from contextlib import ExitStack

import click

from sfm_cli.failures import told
from sfm_cli.output import say, say_json
from sfm_cli.session import Session, held, run
from sfm_cli.wiring import migrate_embedded, migrate_given
from sfm_core.runtime.settings import load
from sfm_standalone.settings import StandaloneSettings


@click.command("migrate")
@click.option("--json", "as_json", is_flag=True, help='Print {"applied": [names]}.')
@click.pass_obj
def command(session: Session, *, as_json: bool) -> None:
    """Bring the database's schema up to this version.

    That of POSTGRES_URL, else the one in SFM_DATA_DIR, which no server may hold meanwhile (a
    server of this version has migrated it already). Never goes back; safe to run again, and
    from several machines at once.
    """
    with told(as_json=as_json):
        applied = run(lambda: _migrate(load(StandaloneSettings, session.env)))
    if as_json:
        say_json({"applied": applied})
    else:
        say("\n".join(f"applied {name}" for name in applied) or "nothing to do")


async def _migrate(settings: StandaloneSettings) -> list[str]:
    if settings.core.postgres_url is not None:
        return await migrate_given(settings.core)
    with ExitStack() as holding:
        data_dir = await held(settings.data_dir, holding)
        return await migrate_embedded(data_dir.path)
