"""Settings of the command line: what it talks to, and, in process, what a server would read."""

from collections.abc import Iterable
from dataclasses import dataclass

from sfm_core.runtime.secret import Secret
from sfm_core.runtime.settings import setting
from sfm_standalone.settings import StandaloneSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class CliSettings:
    url: str | None = setting(
        "SOMA_URL", default=None, doc="Server that soma talks to; else it works in process."
    )
    namespace: str = setting("SOMA_NAMESPACE", default="default", doc="Namespace of soma.")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteSettings:
    """What a command needs that talks to a server: a wrong `POSTGRES_URL` does not stop it."""

    cli: CliSettings
    api_token: Secret | None = setting(
        "SOMA_API_TOKEN", default=None, doc="Bearer token for the server."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EverySetting:
    """What `soma settings` prints."""

    cli: CliSettings
    standalone: StandaloneSettings

    def faults(self) -> Iterable[str]:
        return ()
