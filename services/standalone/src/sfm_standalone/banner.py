"""What a newcomer reads first."""

import shlex
from pathlib import Path


def banner(url: str, token_file: Path | None, data_dir: Path) -> str:
    """Where the server answers, where the token lies, and a command to try; ends in a newline."""
    if token_file is None:
        place, shown = "SOMA_API_TOKEN, from the environment", "$SOMA_API_TOKEN"
    else:
        place, shown = str(token_file), f"$(cat {shlex.quote(str(token_file))})"
    return f"""\
SomaFractalMemory answers at {url} (the calls: {url}/docs)
  token: {place}
  data:  {data_dir}
Try, in another terminal:
  curl -s {url}/v1/default/memories -H "Authorization: Bearer {shown}" \\
    -H 'Content-Type: application/json' -d '{{"payload": {{"text": "Tea at four with Ada"}}}}'
Ctrl-C stops it.
"""
