"""Settings of the one-process server, and what it tells a newcomer."""

from pathlib import Path

import pytest

from sfm_core.errors import Misconfigured
from sfm_core.runtime.settings import load
from sfm_standalone.banner import banner
from sfm_standalone.settings import StandaloneSettings, is_loopback


def test_nothing_has_to_be_set() -> None:
    settings = load(StandaloneSettings, {})
    assert settings.data_dir == Path("data")
    assert settings.http.http_port == 9595
    assert settings.api_token is None


def test_a_weak_token_will_do_on_this_machine_alone() -> None:
    weak = {"SOMA_API_TOKEN": "abc"}
    assert load(StandaloneSettings, weak).api_token is not None
    with pytest.raises(Misconfigured, match="fewer than 16 characters"):
        load(StandaloneSettings, weak | {"SFM_HTTP_HOST": "192.0.2.1"})


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("192.0.2.1", False),
        ("::", False),
        ("example.org", False),
    ],
)
def test_loopback_addresses_are_known(host: str, local: bool) -> None:
    assert is_loopback(host) is local


def test_the_banner_quotes_a_token_path_for_the_shell() -> None:
    said = banner("http://127.0.0.1:9595", Path("/a folder/token"), Path("/a folder"))
    assert "$(cat '/a folder/token')" in said


def test_the_banner_does_not_show_a_token_from_the_environment() -> None:
    said = banner("http://127.0.0.1:9595", None, Path("/data"))
    assert "Bearer $SOMA_API_TOKEN" in said


@pytest.mark.parametrize(
    ("env", "limit"),
    [
        ({}, 0),
        ({"SFM_HTTP_HOST": "192.0.2.1", "SOMA_API_TOKEN": "a-token-of-my-own-1"}, 600),
        ({"SOMA_RATE_LIMIT_MAX": "7"}, 7),
        ({"SOMA_RATE_LIMIT_MAX": "0", "SFM_HTTP_HOST": "192.0.2.1"}, 0),
    ],
)
def test_on_loopback_nobody_is_limited_who_did_not_ask_for_it(
    env: dict[str, str], limit: int
) -> None:
    assert load(StandaloneSettings, env).rate_limit == limit
