"""The product as a process of its own, for benchmarks: started, measured, stopped."""

import json
import os
import platform
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

START_WITHIN_S = 120.0
STOP_WITHIN_S = 60.0
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Server:
    """A standalone process that answers."""

    url: str
    token: str
    ready_s: float
    """From the start of the process to the first 200 of `/readyz`."""
    process: psutil.Process

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def memory_mb(self) -> dict[str, float]:
        """Resident memory of the server and of the PostgreSQL it started, in MiB.

        PostgreSQL's processes share buffers, and the sum counts them in each; the proportional
        figure counts them once, where the system tells it (else it is 0).
        """
        server, started = self.process, self.process.children(recursive=True)
        return {
            "server": _mib(server.memory_info().rss),
            "postgres, summed": _mib(sum(p.memory_info().rss for p in started)),
            "postgres, shared": _mib(sum(map(_proportional, started))),
        }


@contextmanager
def running(data_dir: Path | None = None, **settings: str) -> Iterator[Server]:
    """A server on a free port over `data_dir`, else over a folder that goes at the end."""
    if data_dir is None:
        with tempfile.TemporaryDirectory(prefix="sfm-bench-") as made:
            Path(made).chmod(0o755)  # PostgreSQL may run as another user below it
            with running(Path(made), **settings) as server:
                yield server
        return
    token = secrets.token_urlsafe(24)
    env = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("SFM_", "SOMA_"))},
        "SFM_DATA_DIR": str(data_dir / "data"),
        "SFM_HTTP_PORT": "0",
        "SOMA_API_TOKEN": token,
        "SFM_LOG_LEVEL": "warning",
        "SOMA_RATE_LIMIT_MAX": "0",
        **settings,
    }
    started = time.perf_counter()
    log = data_dir / "serve.log"
    with log.open("wb") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "sfm_standalone"], env=env, stdout=subprocess.PIPE, stderr=err
        )
    try:
        url = _announced(process, data_dir / "data" / "serve.json", log)
        _ready(url, process, log)
        ready_s = time.perf_counter() - started
        yield Server(url, token, ready_s, psutil.Process(process.pid))
    finally:
        process.terminate()
        try:
            process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def client(server: Server) -> httpx.Client:
    return httpx.Client(base_url=server.url, headers=server.headers, timeout=120.0)


def where() -> dict[str, Any]:
    """What a result must say of its origin."""
    return {
        "commit": _git("rev-parse", "HEAD"),
        "changed_files": len(_git("status", "--porcelain", "--untracked-files=no").splitlines()),
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": {
            "cpu": _cpu(),
            "cpus": os.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
            "system": platform.system(),
            "python": platform.python_version(),
        },
    }


def write(path: Path, results: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(f"\nwritten to {path}")


def _announced(process: subprocess.Popen[bytes], serve_file: Path, log: Path) -> str:
    deadline = time.monotonic() + START_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        if serve_file.exists() and (said := serve_file.read_text("utf-8")):
            return str(json.loads(said)["url"])
        time.sleep(0.02)  # noqa: TID251 - no loop here
    raise SystemExit(f"the server did not start: {log.read_text('utf-8')[-2000:]}")


def _ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{url}/readyz", timeout=5.0).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.02)  # noqa: TID251
    raise SystemExit(f"the server is not ready: {log.read_text('utf-8')[-2000:]}")


def _mib(size: float) -> float:
    return round(size / 2**20, 1)


def _proportional(process: psutil.Process) -> int:
    """Bytes of a process with each shared page divided by its users."""
    try:
        return int(getattr(process.memory_full_info(), "pss", 0))
    except psutil.Error:
        return 0


def _cpu() -> str:
    """The processor's name, where the system says it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or "unknown")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)  # noqa: PLW1510
    return done.stdout.strip()
