"""What a request says in JSON, as the engine's own values: filters, ids, what to give back.

Strict: a field that is not known here is refused, never passed over.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID

import qdrant_edge as engine

type Json = Any


class Refused(Exception):
    """The request is wrong; answered with 400."""


def only(given: Json, *known: str) -> Mapping[str, Json]:
    """A JSON object without a field beside the known ones."""
    if not isinstance(given, dict):
        raise Refused(f"Format error in JSON body: expected an object, got {given!r:.40}")
    if unknown := sorted(set(given) - set(known)):
        raise Refused(f"Format error in JSON body: unknown field `{unknown[0]}`")
    return given


def point_id(given: Json) -> "engine.PointId":
    """A whole number from 0 on, or a UUID."""
    if isinstance(given, int) and not isinstance(given, bool) and given >= 0:
        return given
    try:
        return str(UUID(given))
    except (ValueError, AttributeError, TypeError):
        raise Refused(
            f"Format error in JSON body: value {given!r:.60} is not a valid point ID, "
            "valid values are either an unsigned integer or a UUID"
        ) from None


def vector(given: Json) -> list[float]:
    """A dense vector; this stand-in knows the unnamed one only."""
    if isinstance(given, list) and all(
        isinstance(x, int | float) and not isinstance(x, bool) for x in given
    ):
        return [float(x) for x in given]
    raise Refused("Format error in JSON body: expected an unnamed dense vector")


def filter_of(given: Json) -> engine.Filter | None:
    if given is None:
        return None
    said = only(given, "must", "should", "must_not", "min_should")
    least = said.get("min_should")
    return engine.Filter(
        must=_conditions(said.get("must")),
        should=_conditions(said.get("should")),
        must_not=_conditions(said.get("must_not")),
        min_should=None
        if least is None
        else engine.MinShould(_conditions(least["conditions"]) or [], least["min_count"]),
    )


def _conditions(given: Json) -> "list[engine.ConditionType] | None":
    if given is None:
        return None
    return [_condition(one) for one in (given if isinstance(given, list) else [given])]


def _condition(given: Json) -> "engine.ConditionType":
    if not isinstance(given, dict):
        raise Refused("Format error in JSON body: a condition is an object")
    if "key" in given:
        return _field(given)
    if "has_id" in given:
        return engine.HasIdCondition({point_id(one) for one in only(given, "has_id")["has_id"]})
    if "is_empty" in given:
        return engine.IsEmptyCondition(only(given, "is_empty")["is_empty"]["key"])
    if "is_null" in given:
        return engine.IsNullCondition(only(given, "is_null")["is_null"]["key"])
    if "nested" in given:
        nested = only(only(given, "nested")["nested"], "key", "filter")
        inner = filter_of(nested["filter"]) or engine.Filter()
        return engine.NestedCondition(nested["key"], inner)
    return filter_of(given) or engine.Filter()


_MATCHES: Final[Mapping[str, Callable[[Json], Any]]] = {
    "value": engine.MatchValue,
    "any": engine.MatchAny,
    "except": engine.MatchExcept,
    "text": engine.MatchText,
}


def _field(given: Json) -> engine.FieldCondition:
    said = only(given, "key", "match", "range", "is_empty", "is_null")
    if len([name for name in said if said[name] is not None]) < 2:
        raise Refused("Format error in JSON body: a field condition says nothing")
    key = said["key"]
    if isinstance((said.get("match") or {}).get("value"), bool):
        return engine.FieldCondition(shadow(key), match=engine.MatchValue(_word(said["match"])))
    return engine.FieldCondition(
        key,
        match=_match(said.get("match")),
        range=_range(said.get("range")),
        is_empty=said.get("is_empty"),
        is_null=said.get("is_null"),
    )


def _match(given: Json) -> Any:
    if given is None:
        return None
    [(kind, value)] = only(given, *_MATCHES).items()
    return _MATCHES[kind](value)


def _range(given: Json) -> Any:
    if given is None:
        return None
    bounds = {
        name: bound
        for name, bound in only(given, "gt", "gte", "lt", "lte").items()
        if bound is not None
    }
    if any(isinstance(bound, str) for bound in bounds.values()):
        return engine.RangeDateTime(**bounds)
    return engine.RangeFloat(**{name: float(bound) for name, bound in bounds.items()})


_SHADOW: Final = "__bool"


def shadow(key: str) -> str:
    """Where the truth of a boolean field stands as a word.

    The engine's Python binding takes `True` in a match for the number 1, which no boolean field
    holds; its server does not.
    """
    return key + _SHADOW


def _word(match: Json) -> str:
    return str(match["value"]).lower()


def shadowed(payload: Json) -> Json:
    """A payload as it is given to the engine."""
    words = {
        shadow(key): str(value).lower() for key, value in payload.items() if isinstance(value, bool)
    }
    return {**payload, **words}


def unshadowed(payload: Json) -> Json:
    return {key: value for key, value in payload.items() if not key.endswith(_SHADOW)}


def with_payload(given: Json, *, default: bool) -> Any:
    if given is None:
        return default
    if isinstance(given, bool | list):
        return given
    said = only(given, "include", "exclude")
    if "include" in said:
        return engine.PayloadSelector.Include(said["include"])
    return engine.PayloadSelector.Exclude(said["exclude"])


def params(given: Json) -> engine.SearchParams | None:
    if given is None:
        return None
    said = only(given, "exact", "hnsw_ef", "indexed_only", "quantization", "acorn", "idf")
    return engine.SearchParams(
        hnsw_ef=said.get("hnsw_ef"),
        exact=bool(said.get("exact")),
        indexed_only=bool(said.get("indexed_only")),
    )
