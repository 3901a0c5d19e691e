"""What every request can reach."""

from typing import Final, TypedDict

from sfm_api.credentials import Principal
from sfm_api.services import Services

STOPPING: Final = "sfm.stopping"
"""Under this name a request's ASGI extensions may hold the event that the server stops by: an
answer without an end of its own ends by it."""


class State(TypedDict):
    """`request.state`: filled by `Envelope`, the principal by `Authenticated`."""

    services: Services
    request_id: str
    principal: Principal
