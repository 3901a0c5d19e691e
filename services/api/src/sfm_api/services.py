"""What the handlers work with."""

from dataclasses import dataclass

from sfm_api.guards import Gate
from sfm_core.assembled import Runtime
from sfm_core.jsontext import Limits
from sfm_core.runtime.metrics import PrometheusTelemetry
from sfm_core.runtime.readiness import Cached, Readiness
from sfm_core.runtime.tracing import Tracing


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    runtime: Runtime
    readiness: Cached[Readiness]
    telemetry: PrometheusTelemetry
    tracing: Tracing
    json: Limits
    """Of the JSON of one call."""
    batch_json: Limits
    followers: Gate
    """Counts who follows a log."""
    version: str
    openapi: bytes
    """The OpenAPI 3.1 document, serialised."""
    openapi_3_0: bytes
    """The same for the page, in the words of OpenAPI 3.0."""
