"""A streamed recall over a real socket, against the JSON answer of the same process."""

import json
from pathlib import Path

import httpx
import pytest

from tests.integration.test_api_process import environment, started
from tests.unit.sfm_api.api_client import AUTHORIZED

pytestmark = pytest.mark.integration
ASKED = {"query": "green tea", "top_k": 100}


def test_hits_come_over_the_wire_in_the_order_of_the_json_answer(
    module_database: str, tmp_path: Path
) -> None:
    env = environment(POSTGRES_URL=module_database, SFM_SLAB_SNAPSHOT_DIR=str(tmp_path / "views"))
    items = [{"coordinate": [n], "payload": {"said": f"green tea {n}"}} for n in range(300)]
    with started(env) as api, httpx.Client(base_url=api.url, headers=AUTHORIZED) as client:
        client.post("/v1/wire/memories:batch", json={"items": items}).raise_for_status()
        whole = client.post("/v1/wire/recall", json=ASKED).json()
        accept = {"Accept": "text/event-stream"}
        with client.stream("POST", "/v1/wire/recall", json=ASKED, headers=accept) as answer:
            lines = [line for line in answer.iter_lines() if line]
        assert answer.headers["transfer-encoding"] == "chunked"
        assert api.stop() == 0
    assert (tmp_path / "views" / "wire.view").exists(), "a clean end puts the view aside"
    names = [line.removeprefix("event: ") for line in lines[::2]]
    found = [json.loads(line.removeprefix("data: ")) for line in lines[1::2]]
    assert names == ["hit"] * 100 + ["done"]
    assert found[:-1] == whole["hits"]
    with started(env) as api, httpx.Client(base_url=api.url, headers=AUTHORIZED) as client:
        again = client.post("/v1/wire/recall", json=ASKED).json()
        metrics = client.get("/metrics").text
        assert api.stop() == 0
    assert again["hits"] == whole["hits"]
    assert 'sfm_view_snapshots_total{event="restored"} 1.0' in metrics
