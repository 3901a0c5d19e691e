"""Settings of the one-process server."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sfm_core.runtime.api_settings import HttpSettings, token_faults
from sfm_core.runtime.core_settings import CoreSettings
from sfm_core.runtime.secret import Secret
from sfm_core.runtime.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class StandaloneSettings:
    core: CoreSettings
    http: HttpSettings
    data_dir: Path = setting(
        "SFM_DATA_DIR", default=Path("data"), doc="Folder of the PostgreSQL, the token, the lock."
    )
    api_token: Secret | None = setting(
        "SOMA_API_TOKEN", default=None, doc="Admin bearer token; else one is made and kept."
    )

    @property
    def rate_limit(self) -> int:
        """As the services limit; on loopback nobody is limited who did not ask for it."""
        if self.http.rate_limit_max is None and is_loopback(self.http.http_host):
            return 0
        return self.http.rate_limit

    def faults(self) -> Iterable[str]:
        """A token that others can try over the network is held to the rule of the services."""
        if self.api_token is not None and not is_loopback(self.http.http_host):
            yield from token_faults(self.api_token)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
