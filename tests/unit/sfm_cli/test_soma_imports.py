"""What a command line does not wait for."""

import os
import subprocess
import sys

import pytest

HEAVY = ("numpy", "onnxruntime", "starlette", "asyncpg", "httpx", "rich")


@pytest.mark.parametrize(
    ("args", "heavy"),
    [
        (["--help"], HEAVY),
        (["--version"], HEAVY),
        (["nonsense"], HEAVY),
        (["get", "1", "--url", "http://127.0.0.1:9"], HEAVY[:4]),
        (["list", "--url", "http://127.0.0.1:9"], HEAVY[:4]),
        (["recall", "tea", "--url", "http://127.0.0.1:9"], HEAVY[1:4]),
    ],
)
def test_heavy_modules_are_imported_only_where_they_are_needed(
    args: list[str], heavy: tuple[str, ...]
) -> None:
    script = (
        "import sys\n"
        "from sfm_cli.group import soma\n"
        "try: soma.main(prog_name='soma')\n"
        "except SystemExit: pass\n"
        f"print('loaded', [m for m in {heavy!r} if m in sys.modules], file=sys.stderr)\n"
    )
    env = {k: v for k, v in os.environ.items() if not k.startswith(("SFM_", "SOMA_", "POSTGRES_"))}
    done = subprocess.run(
        [sys.executable, "-c", script, *args], capture_output=True, text=True, env=env, check=True
    )
    assert done.stderr.splitlines()[-1] == "loaded []", done.stderr
