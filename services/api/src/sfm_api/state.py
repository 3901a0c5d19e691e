"""What every request can reach."""

from typing import TypedDict

from sfm_api.credentials import Principal
from sfm_api.services import Services


class State(TypedDict):
    """`request.state`: filled by `Envelope`, the principal by `Authenticated`."""

    services: Services
    request_id: str
    principal: Principal
