"""Settings of what serves HTTP: the API service, and standalone with its own token rule."""

from dataclasses import dataclass, fields
from typing import Final, Self

from sfm_core.runtime.life_settings import LifeSettings
from sfm_core.runtime.secret import Secret
from sfm_core.runtime.settings import setting

RATE_LIMIT_MAX: Final = 600
MIN_TOKEN_CHARS: Final = 16
_MIB: Final = 1024 * 1024
_KNOWN_DEFAULTS: Final = frozenset(
    {
        "change-me",
        "changeme",
        "default",
        "dev-token",
        "devtoken",
        "password",
        "replace-me",
        "secret",
        "soma-api-token",
        "soma_api_token",
        "test-token",
        "token",
        "your-token-here",
        "your_token_here",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings(LifeSettings):
    """All of the HTTP side but the token."""

    http_host: str = setting("SFM_HTTP_HOST", default="127.0.0.1", doc="Address to listen on.")
    http_port: int = setting(
        "SFM_HTTP_PORT", default=9595, low=0, high=65535, doc="Port; 0 takes a free one."
    )
    max_request_body_mb: int = setting(
        "SOMA_MAX_REQUEST_BODY_MB",
        default=1,
        low=1,
        high=1024,
        doc="Largest request body in MiB; batches get 16 times that.",
    )
    rate_limit_max: int | None = setting(
        "SOMA_RATE_LIMIT_MAX",
        default=None,
        low=0,
        high=1_000_000,
        doc="Requests per token and window; 0: no limit. Default 600, on loopback standalone 0.",
    )
    rate_limit_window_seconds: float = setting(
        "SOMA_RATE_LIMIT_WINDOW_SECONDS",
        default=60.0,
        low=1,
        high=86_400,
        doc="The window of that limit.",
    )
    cors_origins: tuple[str, ...] = setting(
        "SOMA_CORS_ORIGINS", default=(), doc="Origins that browsers may call from, comma-joined."
    )

    @property
    def max_request_body_bytes(self) -> int:
        return self.max_request_body_mb * _MIB

    @property
    def rate_limit(self) -> int:
        """Requests per window that a token may make; 0: as many as it likes."""
        return RATE_LIMIT_MAX if self.rate_limit_max is None else self.rate_limit_max

    @property
    def max_batch_body_bytes(self) -> int:
        return 16 * self.max_request_body_mb * _MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings(HttpSettings):
    """The HTTP side with the admin token, which `load` holds to the rule of the services."""

    api_token: Secret = setting("SOMA_API_TOKEN", doc="Admin bearer token.")

    @classmethod
    def of(cls, http: HttpSettings, api_token: Secret) -> Self:
        """`http` with a token that is not held to the rule (standalone's own)."""
        same = {field.name: getattr(http, field.name) for field in fields(HttpSettings)}
        return cls(**same, api_token=api_token)

    def faults(self) -> list[str]:
        return token_faults(self.api_token)


def token_faults(token: Secret) -> list[str]:
    """What keeps a token from guarding a service, without showing it; empty: nothing."""
    if is_known_default(token):
        return ["SOMA_API_TOKEN is a known default"]
    if len(token.value) < MIN_TOKEN_CHARS:
        return [f"SOMA_API_TOKEN has fewer than {MIN_TOKEN_CHARS} characters"]
    if not (token.value.isascii() and token.value.isprintable()) or " " in token.value:
        return ["SOMA_API_TOKEN has characters that no Authorization header can carry"]
    if len(set(token.value)) < 4:
        return ["SOMA_API_TOKEN repeats too few characters"]
    return []


def is_known_default(token: Secret) -> bool:
    """A value of examples and tutorials, also when repeated or dressed with digits."""
    folded = token.value.casefold().strip("-_0123456789!")
    return folded in _KNOWN_DEFAULTS
