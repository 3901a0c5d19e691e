"""Collections on disk: one folder each, with what it was made as and the engine's shard."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote

import orjson
import qdrant_edge as engine

from tests.servers.qdrant_engine.conditions import Json, Refused, only, shadow

_DISTANCES: Final = {
    "Cosine": engine.Distance.Cosine,
    "Dot": engine.Distance.Dot,
    "Euclid": engine.Distance.Euclid,
    "Manhattan": engine.Distance.Manhattan,
}
_INDEXES: Final[Mapping[str, tuple[Any, Any, tuple[str, ...]]]] = {
    "keyword": (engine.PayloadSchemaType.Keyword, engine.KeywordIndexParams, ("is_tenant",)),
    "integer": (
        engine.PayloadSchemaType.Integer,
        engine.IntegerIndexParams,
        ("lookup", "range", "is_principal"),
    ),
    "float": (engine.PayloadSchemaType.Float, engine.FloatIndexParams, ("is_principal",)),
    "bool": (engine.PayloadSchemaType.Bool, engine.BoolIndexParams, ()),
    "datetime": (engine.PayloadSchemaType.Datetime, engine.DatetimeIndexParams, ()),
    "uuid": (engine.PayloadSchemaType.Uuid, engine.UuidIndexParams, ("is_tenant",)),
}
_FORBIDDEN: Final = re.compile(r'[<>:"/\\|?*\x00\x1f]')


class Missing(Exception):
    """There is no such collection; answered with 404."""


class Exists(Exception):
    """There is one already; answered with 409."""


class Unprocessable(Exception):
    """A name or a value that validation refuses; answered with 422."""


class Collection:
    """One shard, open in this process alone, and what its payload indexes were made as."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.made: dict[str, Any] = orjson.loads((folder / "made.json").read_bytes())
        self.shard = engine.EdgeShard.load(str(folder / "shard"))

    def create_index(self, field: str, schema: Json) -> None:
        kind = schema if isinstance(schema, str) else schema.get("type")
        if kind not in _INDEXES:
            raise Refused(f"Format error in JSON body: unknown index type {kind!r}")
        plain, with_params, options = _INDEXES[kind]
        if isinstance(schema, str):
            made = plain
        else:
            said = only(schema, "type", "on_disk", "memory", "enable_hnsw", *options)
            made = with_params(**{name: said[name] for name in options if name in said})
        self.shard.update(engine.UpdateOperation.create_field_index(field, made))
        if kind == "bool":
            word = engine.PayloadSchemaType.Keyword
            self.shard.update(engine.UpdateOperation.create_field_index(shadow(field), word))
        indexes = self.made.setdefault("indexes", {})
        indexes[field] = {"data_type": kind, "params": None if isinstance(schema, str) else schema}
        _write(self._folder / "made.json", self.made)

    def info(self) -> dict[str, Any]:
        """As `GET /collections/{name}` tells it."""
        info = self.shard.info()
        points = {field: one.points for field, one in info.payload_schema.items()}
        return {
            "status": "green",
            "optimizer_status": "ok",
            "indexed_vectors_count": info.indexed_vectors_count,
            "points_count": info.points_count,
            "segments_count": info.segments_count,
            "config": {
                "params": {
                    "vectors": self.made["vectors"],
                    "shard_number": 1,
                    "replication_factor": 1,
                    "write_consistency_factor": 1,
                    "on_disk_payload": True,
                },
                "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10_000},
                "optimizer_config": {
                    "deleted_threshold": 0.2,
                    "vacuum_min_vector_number": 1000,
                    "default_segment_number": 0,
                    "flush_interval_sec": 5,
                },
                "wal_config": {"wal_capacity_mb": 32, "wal_segments_ahead": 0},
                "quantization_config": None,
            },
            "payload_schema": {
                field: {**said, "points": points.get(field, 0)}
                for field, said in self.made.get("indexes", {}).items()
            },
        }


class Collections:
    """Every collection under one folder; each is opened by the first call that needs it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[str, Collection] = {}
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.iterdir():  # a creation or deletion that a crash cut short
            if not (left / "made.json").exists():
                shutil.rmtree(left)

    def names(self) -> list[str]:
        return sorted(unquote(one.name) for one in self._folder.iterdir())

    def get(self, name: str) -> Collection:
        if name not in self._open:
            folder = self._at(name)
            if not folder.exists():
                raise Missing(f"Not found: Collection `{name}` doesn't exist!")
            self._open[name] = Collection(folder)
        return self._open[name]

    def exists(self, name: str) -> bool:
        return self._at(name).exists()

    def create(self, name: str, body: Json) -> None:
        if not name or len(name) > 255 or _FORBIDDEN.search(name):
            raise Unprocessable(f"Validation error in path parameters: [collection_name: {name}]")
        if self.exists(name):
            raise Exists(f"Wrong input: Collection `{name}` already exists!")
        said = only(
            body,
            *("vectors", "hnsw_config", "optimizers_config", "on_disk_payload", "wal_config"),
            *("shard_number", "replication_factor", "write_consistency_factor", "metadata"),
        )
        vectors = only(said["vectors"], "size", "distance", "hnsw_config", "on_disk", "datatype")
        config = engine.EdgeConfig(
            vectors=engine.EdgeVectorParams(vectors["size"], _DISTANCES[vectors["distance"]]),
            max_search_threads=1,
        )
        folder = self._at(name)
        (folder / "shard").mkdir(parents=True)
        engine.EdgeShard.create(str(folder / "shard"), config).close()
        _write(folder / "made.json", {"vectors": vectors})

    def delete(self, name: str) -> bool:
        if not self.exists(name):
            return False
        if name in self._open:
            self._open.pop(name).shard.close()
        (self._at(name) / "made.json").unlink()
        shutil.rmtree(self._at(name))
        return True

    def close(self) -> None:
        for collection in self._open.values():
            collection.shard.close()

    def _at(self, name: str) -> Path:
        return self._folder / quote(name, safe="")


def _write(path: Path, document: Json) -> None:
    """All of it or nothing, also when the process is killed in between."""
    beside = path.with_suffix(".new")
    beside.write_bytes(orjson.dumps(document))
    beside.replace(path)
