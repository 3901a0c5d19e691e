"""`python -m scripts.stack up|down|status`: the whole system on this machine.

up       brings it up and returns when all of it is ready; its processes go on without us
down     stops it; data, logs and token stay
status   one JSON object about what runs

Exit codes: 0 done; 1 not, one message on stderr says why; 2 a setting or the command is wrong.
"""

import json
import os
import socket
import sys
from collections.abc import Mapping
from functools import partial
from typing import Final

import anyio

from scripts.stack import commands
from scripts.stack.folder import Endpoints, StackFolder
from scripts.stack.settings import StackSettings
from sfm_core.errors import Misconfigured, SfmError
from sfm_core.runtime.settings import load

_ANSWER_S: Final = 60.0
"""Longest wait for the process manager, which waits for the programs that it stops."""


async def run(command: str, env: Mapping[str, str]) -> None:
    match command:
        case "up":
            endpoints, started = await commands.up(env)
            sys.stdout.write(told(endpoints, env, started=started))
        case "down":
            ran = await commands.down(env)
            print("The stack is down." if ran else "No stack was running.")
        case "status":
            print(json.dumps(await commands.status(env), indent=2))
        case _:
            raise Misconfigured("usage: python -m scripts.stack up|down|status")


def told(endpoints: Endpoints, env: Mapping[str, str], *, started: bool) -> str:
    """What a reader of the terminal wants to know; ends in a newline."""
    settings = load(StackSettings, env)
    folder = StackFolder.of(settings.folder)
    given = settings.api_token is not None
    token = "SOMA_API_TOKEN, from the environment" if given else str(folder.path / "token")
    services = "".join(
        f"  {name:<15} {url}\n" for name, url in endpoints.services.items() if name != "api"
    )
    said = "is up" if started else "is running already"
    return f"""\
The stack {said}: {endpoints.api} (the calls: {endpoints.api}/docs)
  token           {token}
{services}  kafka           {endpoints.kafka}
  redis           {endpoints.redis}
  qdrant          {endpoints.qdrant}
  postgres        make -s stack-status says it, with the password
  logs            {folder.logs}
make stack-down stops it.
"""


def main(arguments: list[str], env: Mapping[str, str]) -> int:
    """The exit code of the process."""
    socket.setdefaulttimeout(_ANSWER_S)
    try:
        anyio.run(partial(run, " ".join(arguments), env))
    except SfmError as error:
        print(f"stack: {error.detail}", file=sys.stderr)
        return 2 if isinstance(error, Misconfigured) else 1
    except KeyboardInterrupt:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
