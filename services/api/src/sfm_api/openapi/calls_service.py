"""The calls about a namespace as a whole, and about the process."""

from typing import Final

from sfm_api.openapi.call import Call, answer
from sfm_api.openapi.schema import ref, text

CALLS: Final[dict[str, Call]] = {
    "namespaceStats": Call(
        tag="operations",
        summary="Count what a namespace holds",
        answers={200: answer("Counts.", "Stats")},
        errors=(422,),
    ),
    "listNamespaces": Call(
        tag="operations",
        summary="List the namespaces that the token reaches",
        answers={200: answer("Their names, sorted.", "Namespaces")},
        errors=(422,),
    ),
    "healthz": Call(
        tag="service",
        summary="Does the process live?",
        description="Asks nobody.",
        answers={200: answer("It lives.", "Health")},
    ),
    "readyz": Call(
        tag="service",
        summary="Can it serve?",
        description="Asks every dependency; the answer may be a second old.",
        answers={
            200: answer("It can.", "Readiness"),
            503: answer("It cannot; says what is down.", "Readiness"),
        },
    ),
    "metrics": Call(
        tag="service",
        summary="Metrics for Prometheus",
        answers={
            200: {
                "description": "Prometheus text.",
                "content": {"text/plain": {"schema": text()}},
            }
        },
    ),
    "openapi": Call(
        tag="service",
        summary="This document",
        answers={
            200: {
                "description": "OpenAPI 3.1.",
                "content": {"application/json": {"schema": {"type": "object"}}},
            }
        },
    ),
    "docs": Call(
        tag="service",
        summary="This document, to read and try",
        answers={200: {"description": "A page.", "content": {"text/html": {"schema": text()}}}},
    ),
    "about": Call(
        tag="service",
        summary="What this is",
        answers={
            200: {
                "description": "Name, version and where to go; a page for browsers.",
                "content": {
                    "application/json": {"schema": ref("About")},
                    "text/html": {"schema": text()},
                },
            }
        },
    ),
}
