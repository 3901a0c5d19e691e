"""Qdrant's engine as a process of its own: `python -m tests.servers.qdrant_engine`."""

import argparse
import logging
from functools import partial
from pathlib import Path

import anyio
from hypercorn.asyncio import serve
from hypercorn.config import Config

from tests.servers.qdrant_engine.app import create_app


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
    anyio.run(partial(serve, app, config))  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
