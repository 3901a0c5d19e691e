"""Qdrant's engine as a process of its own: `python -m tests.servers.qdrant_engine`."""

import argparse
import logging
import signal
from functools import partial
from pathlib import Path

import anyio
from hypercorn.asyncio import serve
from hypercorn.config import Config
from starlette.types import ASGIApp

from tests.servers.qdrant_engine.app import create_app

_DRAIN_S = 1.0
"""For calls that are under way; Hypercorn would wait for idle connections, for 75 s."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=6333)
    parser.add_argument("--data", type=Path, required=True, help="where collections are kept")
    parser.add_argument("--api-key", help="what each call has to name")
    parser.add_argument("--cert", type=Path, help="certificate chain: serve TLS")
    parser.add_argument("--key", type=Path, help="the certificate's private key")
    said = parser.parse_args()

    config = Config()
    config.bind = [f"{said.host}:{said.port}"]
    config.accesslog = None
    config.errorlog = logging.getLogger("hypercorn.error")
    config.include_server_header = False
    config.keep_alive_timeout = 75.0
    config.keep_alive_max_requests = 1_000_000
    if said.cert is not None:
        config.certfile, config.keyfile = str(said.cert), str(said.key)
    app = create_app(said.data / "collections", said.api_key)
    anyio.run(partial(_serve, app, config))


async def _serve(app: ASGIApp, config: Config) -> None:
    """Until SIGTERM or SIGINT; what was acknowledged is on disk, whatever is cut then."""
    stopping = anyio.Event()
    async with anyio.create_task_group() as tasks:

        async def run() -> None:
            await serve(app, config, shutdown_trigger=stopping.wait)  # type: ignore[arg-type]
            tasks.cancel_scope.cancel()

        tasks.start_soon(run)
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            async for _ in signals:
                break
        stopping.set()
        await anyio.sleep(_DRAIN_S)
        tasks.cancel_scope.cancel()


if __name__ == "__main__":
    main()
