"""Model values as the plain dicts of the REST, gRPC and CLI documents.

Everything in them is JSON-ready for `jsontext.dumps`; payloads are passed on as they are, not
copied. Times are RFC 3339 in UTC with microseconds and `Z`; a coordinate is a list of numbers.
"""

from sfm_core.encode.failures import problem
from sfm_core.encode.links import link, neighbors, path
from sfm_core.encode.log import erasure, event, event_page, history, rebuilt
from sfm_core.encode.memories import batch_stored, deleted_many, draft, memory, page, stored
from sfm_core.encode.recalls import (
    explanation,
    hit,
    keyword_hits,
    much_to_show,
    recall_facts,
    recall_result,
    recall_results,
)
from sfm_core.encode.upkeep import reconcile_report, stats, upkeep_report
from sfm_core.encode.values import Document, instant

__all__ = [
    "Document",
    "batch_stored",
    "deleted_many",
    "draft",
    "erasure",
    "event",
    "event_page",
    "explanation",
    "history",
    "hit",
    "instant",
    "keyword_hits",
    "link",
    "memory",
    "much_to_show",
    "neighbors",
    "page",
    "path",
    "problem",
    "rebuilt",
    "recall_facts",
    "recall_result",
    "recall_results",
    "reconcile_report",
    "stats",
    "stored",
    "upkeep_report",
]
