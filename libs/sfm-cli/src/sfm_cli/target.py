"""Where a command goes: to a server, or into this process."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from sfm_cli.settings import RemoteSettings
from sfm_core.coordinates import checked_namespace
from sfm_core.errors import Misconfigured
from sfm_core.runtime.secret import Secret
from sfm_core.runtime.settings import load
from sfm_standalone.settings import StandaloneSettings

LOCAL_DEADLINE_S: Final = 300.0
"""Of a recall in process: nobody else waits, and Ctrl-C is at hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    url: str
    token: Secret | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """In process, unless a server turns out to hold the data directory."""

    settings: StandaloneSettings
    data_dir: Path
    """Absolute."""
    log_level: str
    token: Secret | None
    """Given on the command line: for that server, before its token file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    namespace: str
    place: Remote | Local


def target_of(
    env: Mapping[str, str], *, namespace: str | None, url: str | None, token: str | None
) -> Target:
    """What the command line says, and the environment where it says nothing.

    Raises:
        InvalidInput: the namespace's name.
        Misconfigured: a setting is wrong.
    """
    said = load(RemoteSettings, env, known=[StandaloneSettings])
    name = checked_namespace(said.cli.namespace if namespace is None else namespace)
    given = None if token is None else Secret(token)
    url = said.cli.url if url is None else url
    if url is not None:
        return Target(
            namespace=name, place=Remote(url=checked_url(url), token=given or said.api_token)
        )
    settings = _patient(load(StandaloneSettings, env), env)
    level = settings.http.log_level if env.get("SFM_LOG_LEVEL", "").strip() else "warning"
    place = Local(
        settings=settings,
        data_dir=settings.data_dir.resolve(),
        log_level=level,
        token=given,
    )
    return Target(namespace=name, place=place)


def _patient(settings: StandaloneSettings, env: Mapping[str, str]) -> StandaloneSettings:
    """A command that has to load all vectors first gets the time for it, unless told otherwise."""
    if env.get("SFM_RECALL_DEADLINE_SECONDS", "").strip():
        return settings
    core = replace(settings.core, recall_deadline_seconds=LOCAL_DEADLINE_S)
    return replace(settings, core=core)


def checked_url(url: str) -> str:
    """`url` without a slash at its end.

    Raises:
        Misconfigured: it is no http(s) URL, or holds more than where the server is.
    """
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    else:
        if parts.username or parts.query or parts.fragment:
            raise Misconfigured("the server's URL holds no user, query or fragment; see --token")
    if not good or not url.isascii() or not url.isprintable():
        raise Misconfigured("the server's URL is like http://127.0.0.1:9595")
    return url.rstrip("/")
