"""A way to PostgreSQL that can be cut and mended while processes use it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit


@dataclass
class Cut:
    """Passes bytes on between a port of its own and the server of a DSN."""

    server: str
    """The DSN that leads there."""
    _listener: socket.socket = field(default_factory=socket.socket, repr=False)
    _open: "list[socket.socket]" = field(default_factory=list, repr=False)
    _is_cut: bool = False

    @property
    def dsn(self) -> str:
        """Leads there by this way."""
        url = urlsplit(self.server)
        port = self._listener.getsockname()[1]
        user = url.username or "postgres"
        password = f":{url.password}" if url.password else ""
        return f"postgresql://{user}{password}@127.0.0.1:{port}{url.path}?sslmode=disable"

    def cut(self) -> None:
        """Break all connections, and let nobody through until it is mended."""
        self._is_cut = True
        for one in self._open:
            _end(one)
        self._open.clear()

    def mend(self) -> None:
        self._is_cut = False

    def serve(self) -> None:
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self.cut()
        _end(self._listener)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if self._is_cut:
                    _end(near)
                    continue
                far = _connected(self.server)
                self._open += [near, far]
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=_pump, args=(source, sink), daemon=True).start()


@contextmanager
def way_to(dsn: str) -> Iterator[Cut]:
    way = Cut(dsn)
    way.serve()
    try:
        yield way
    finally:
        way.close()


def _connected(dsn: str) -> socket.socket:
    url = urlsplit(dsn)
    host = parse_qs(url.query).get("host", [url.hostname or "localhost"])[0]
    port = url.port or 5432
    if not host.startswith("/"):
        return socket.create_connection((host, port))
    server = socket.socket(socket.AF_UNIX)
    server.connect(f"{host}/.s.PGSQL.{port}")
    return server


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    _end(source)
    _end(sink)


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
