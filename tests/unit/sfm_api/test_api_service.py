"""What the process says of itself: probes, metrics, pages, request ids, log lines, headers."""

import json
import logging
import re
from collections.abc import Sequence
from dataclasses import replace

import pytest

from sfm_api.app import create_app
from sfm_core.errors import Corrupt, Unavailable
from sfm_core.runtime.metrics import open_telemetry
from tests.unit.sfm_api.api_client import SETTINGS, TEA, TOKEN, client_of, running
from tests.unit.sfm_api.test_api_bad_input import OPEN
from tests.unit.sfm_api.twin_runtime import twin_runtime


class Failing:
    """Records whose every call fails in one way."""

    def __init__(self, error: Exception) -> None:
        self._error = error
        self.pinged = 0

    async def ping(self) -> None:
        self.pinged += 1
        raise self._error

    async def namespaces(self) -> Sequence[str]:
        raise self._error


async def test_health_asks_nobody_and_readiness_says_what_is_down() -> None:
    down = Failing(Unavailable("the store does not answer"))
    async with (
        twin_runtime() as runtime,
        running(runtime=replace(runtime, records=down)) as client,  # type: ignore[arg-type]
    ):
        health = await client.get("/healthz")
        asked_by_health = down.pinged
        ready = await client.get("/readyz")
    assert (health.status_code, health.json()) == (200, {"status": "ok"})
    assert asked_by_health == 0
    assert ready.status_code == 503
    store = next(d for d in ready.json()["dependencies"] if not d["ok"])
    assert store == {
        "name": "postgres",
        "ok": False,
        "required": True,
        "detail": "the store does not answer",
    }


async def test_readiness_names_the_embedder_in_use() -> None:
    async with running() as client:
        ready = await client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["ready"] is True
    assert ready.json()["embedder"] == "hash"


async def test_metrics_count_requests_by_template_and_outcome() -> None:
    async with running() as client:
        await client.put("/v1/acme/memories/1,2", json=TEA)
        await client.put("/v1/acme/memories/1,2", json={})
        await client.get("/v1/acme/memories/9")
        await client.get("/nowhere/acme")
        scrape = await client.get("/metrics")
    assert scrape.headers["content-type"].startswith("text/plain")
    wanted = [
        ("PUT", "/v1/{ns}/memories/{coord}", "ok"),
        ("PUT", "/v1/{ns}/memories/{coord}", "invalid"),
        ("GET", "/v1/{ns}/memories/{coord}", "not-found"),
        ("GET", "unmatched", "not-found"),
    ]
    for method, route, outcome in wanted:
        line = (
            f'sfm_http_requests_total{{method="{method}",outcome="{outcome}",route="{route}"}} 1.0'
        )
        assert line in scrape.text
    assert "acme" not in scrape.text
    assert "sfm_http_request_duration_seconds_bucket" in scrape.text


@pytest.mark.parametrize(
    ("given", "kept"),
    [("abc-1.2_3", True), ("x" * 128, True), ("x" * 129, False), ("a b", False), ("", False),
     ("<script>", False), ("-", False)],
)  # fmt: skip
async def test_a_sane_request_id_is_kept_in_reply_problem_and_log(
    given: str, kept: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "sfm_api")
    async with running() as client:
        answer = await client.get("/v1/acme/memories/1", headers={"X-Request-ID": given})
    request_id = answer.headers["x-request-id"]
    assert (request_id == given) is kept
    assert answer.json()["request_id"] == request_id
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,128}", request_id)


async def test_two_requests_have_two_ids() -> None:
    async with running() as client:
        ids = {(await client.get("/healthz")).headers["x-request-id"] for _ in range(2)}
    assert len(ids) == 2


async def test_a_line_per_request_holds_no_token_no_text_and_no_place(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG", "sfm_api")
    async with running() as client:
        await client.post("/v1/secretspace/recall", json={"query": "hidden words"})
        await client.get("/v1/secretspace/memories/4711,4712?tag=hidden")
    lines = [vars(record) for record in caplog.records if record.message == "request.answered"]
    assert [line["route"] for line in lines] == ["/v1/{ns}/recall", "/v1/{ns}/memories/{coord}"]
    assert [line["status"] for line in lines] == [200, 422]
    assert all(line["took_ms"] >= 0 for line in lines)
    whole = json.dumps(lines, default=str)
    for word in (TOKEN, "hidden", "secretspace", "4711,4712"):
        assert word not in whole


async def test_a_bug_is_a_500_with_the_request_id_and_no_word_about_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken = Failing(RuntimeError("secret detail"))
    async with (
        twin_runtime() as runtime,
        running(runtime=replace(runtime, records=broken)) as client,  # type: ignore[arg-type]
    ):
        client.event_hooks = {}  # a 500 is no documented answer
        answer = await client.get("/v1/namespaces", headers={"X-Request-ID": "find-me"})
        scrape = await client.get("/metrics")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"] == "find-me"
    assert "secret detail" not in answer.text
    assert 'outcome="crash",route="/v1/namespaces"' in scrape.text
    [crash] = [record for record in caplog.records if record.message == "request.crashed"]
    assert crash.exc_info is not None


@pytest.mark.parametrize(
    ("error", "status"),
    [(Corrupt("row 7 of secret"), 500), (Unavailable("no answer"), 503)],
)
async def test_a_failure_of_the_server_is_logged_with_its_detail(
    error: Exception, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "sfm_api")
    async with (
        twin_runtime() as runtime,
        running(runtime=replace(runtime, records=Failing(error))) as client,  # type: ignore[arg-type]
    ):
        client.event_hooks = {}
        answer = await client.get("/v1/namespaces")
    assert answer.status_code == status
    assert "secret" not in answer.text
    [line] = [record for record in caplog.records if record.message == "request.failed"]
    assert vars(line)["detail"] == str(error)


@pytest.mark.parametrize("url", [*OPEN, "/v1/namespaces", "/nowhere"])
async def test_every_answer_has_the_security_headers(url: str) -> None:
    async with running() as client:
        answer = await client.get(url)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "cache-control" in answer.headers


async def test_the_root_says_what_this_is_to_programs_and_to_people() -> None:
    async with running() as client:
        program = await client.get("/")
        person = await client.get("/", headers={"Accept": "text/html,*/*;q=0.8"})
    assert program.json()["name"] == "SomaFractalMemory"
    assert program.json()["links"]["docs"] == "/docs"
    assert person.headers["content-type"].startswith("text/html")
    assert "/docs" in person.text


async def test_the_docs_page_loads_all_it_needs_from_here() -> None:
    async with running() as client:
        page = await client.get("/docs")
        loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        start = await client.get("/docs/start.js")
        loaded += re.findall(r'url: "([^"]+)"', start.text)
        answers = {url: await client.get(url) for url in loaded}
    assert "://" not in page.text + start.text
    assert all(url.startswith("/docs/") for url in loaded)
    assert len(loaded) == 5
    assert {url: a.status_code for url, a in answers.items()} == dict.fromkeys(loaded, 200)
    assert "SwaggerUIBundle" in answers["/docs/swagger-ui-bundle.js"].text
    policy = page.headers["content-security-policy"]
    assert "http" not in policy
    assert "script-src 'self';" in policy


async def test_cors_is_off_unless_asked_for() -> None:
    asking = {"Origin": "https://app.example", "Access-Control-Request-Method": "PUT"}
    allowed = replace(SETTINGS, cors_origins=("https://app.example",))
    async with running() as client:
        off = await client.get("/healthz", headers=asking)
        preflight_off = await client.options("/v1/acme/memories/1", headers=asking)
    async with twin_runtime() as runtime, client_of(create_app(runtime, allowed)) as client:
        client.event_hooks = {}
        preflight = await client.options("/v1/acme/memories/1", headers=asking)
        problem = await client.get("/v1/acme/memories/1", headers=asking)
        refused = await client.get(
            "/v1/namespaces", headers=asking | {"Authorization": "Bearer no"}
        )
        stranger = await client.get("/healthz", headers={"Origin": "https://evil.example"})
    for answer in (off, preflight_off, stranger):
        assert "access-control-allow-origin" not in answer.headers
    assert preflight.status_code == 200
    assert "PUT" in preflight.headers["access-control-allow-methods"]
    for answer in (preflight, problem, refused):
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
    assert refused.status_code == 401


async def test_the_scrape_says_which_embedder_is_in_use_and_shows_what_was_passed_in() -> None:
    telemetry = open_telemetry()
    telemetry.observe("recall_batch_queries", 7)
    async with running(telemetry=telemetry) as client:
        scrape = await client.get("/metrics")
    assert re.search(r'sfm_embedder_info\{name="hash",.*semantic="false"\} 1\.0', scrape.text)
    assert "sfm_embedder_queue_texts 0.0" in scrape.text
    assert "sfm_recall_batch_queries_count 1.0" in scrape.text
