"""`soma serve`."""

import sys

import anyio
import click

from sfm_cli.failures import Failure
from sfm_cli.session import Session
from sfm_core.errors import SfmError
from sfm_core.runtime.settings import load
from sfm_standalone.serve import serve
from sfm_standalone.settings import StandaloneSettings


@click.command("serve")
@click.pass_obj
def command(session: Session) -> None:
    """Run everything here, in the foreground, until Ctrl-C.

    REST on SFM_HTTP_PORT (9595) over a PostgreSQL in SFM_DATA_DIR (./data), or the one of
    POSTGRES_URL. Prints where it answers and where the token lies.

    Exit codes: 0 stopped when told to; 1 could not start or not go on; 8 a setting is wrong.
    """
    try:
        load(StandaloneSettings, session.env)
    except SfmError as error:
        raise Failure.of(error) from error
    click.get_current_context().exit(
        anyio.run(lambda: serve(session.env, out=sys.stdout, err=sys.stderr))
    )
