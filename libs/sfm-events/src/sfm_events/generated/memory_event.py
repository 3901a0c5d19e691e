"""Made by `make gen` from schemas/memory.event.json."""

from decimal import Decimal
import re
from fastjsonschema import JsonSchemaValueException, JsonSchemaValuesException


REGEX_PATTERNS = {
    '^[a-z0-9][a-z0-9_.-]{0,62}$': re.compile('^[a-z0-9][a-z0-9_.-]{0,62}\\Z'),
    '^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,12})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$': re.compile('^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,12})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])\\Z'),
    '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$': re.compile('^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\\Z')
}

NoneType = type(None)

def validate_urn_sfm_schema_memory_event_1(data, custom_formats={}, name_prefix=None):
    if not isinstance(data, (dict)):
        raise JsonSchemaValueException("" + (name_prefix or "data") + " must be object")
    try:
        data_is_dict = isinstance(data, dict)
        if data_is_dict:
            data__missing_keys = set(['generation']) - data.keys()
            if data__missing_keys:
                raise JsonSchemaValueException("" + (name_prefix or "data") + " must contain ")
    except (JsonSchemaValueException, JsonSchemaValuesException):
        try:
            data_is_dict = isinstance(data, dict)
            if data_is_dict:
                data__missing_keys = set(['abridged']) - data.keys()
                if data__missing_keys:
                    raise JsonSchemaValueException("" + (name_prefix or "data") + " must contain ")
        except (JsonSchemaValueException, JsonSchemaValuesException): pass
        else:
            raise JsonSchemaValueException("" + (name_prefix or "data") + " must NOT match a disallowed definition")
        data_is_dict = isinstance(data, dict)
        if data_is_dict:
            data_keys = set(data.keys())
            if "version" in data_keys:
                data_keys.remove("version")
                data__version = data["version"]
                if isinstance(data__version, (int, float, Decimal)) and not isinstance(data__version, bool):
                    if data__version > 9007199254740992:
                        raise JsonSchemaValueException("" + (name_prefix or "data") + ".version must be smaller than or equal to 9007199254740992")
    else:
        data_is_dict = isinstance(data, dict)
        if data_is_dict:
            data__missing_keys = set(['version', 'position']) - data.keys()
            if data__missing_keys:
                raise JsonSchemaValueException("" + (name_prefix or "data") + " must contain ")
    try:
        data_is_dict = isinstance(data, dict)
        if data_is_dict:
            data__missing_keys = set(['type']) - data.keys()
            if data__missing_keys:
                raise JsonSchemaValueException("" + (name_prefix or "data") + " must contain ")
            data_keys = set(data.keys())
            if "type" in data_keys:
                data_keys.remove("type")
                data__type = data["type"]
                if not (isinstance(data__type, str) and data__type == 'linked' or isinstance(data__type, str) and data__type == 'unlinked'):
                    raise JsonSchemaValueException("" + (name_prefix or "data") + ".type must be one of ['linked', 'unlinked']")
    except (JsonSchemaValueException, JsonSchemaValuesException):
        try:
            data_is_dict = isinstance(data, dict)
            if data_is_dict:
                data__missing_keys = set(['link']) - data.keys()
                if data__missing_keys:
                    raise JsonSchemaValueException("" + (name_prefix or "data") + " must contain ")
        except (JsonSchemaValueException, JsonSchemaValuesException): pass
        else:
            raise JsonSchemaValueException("" + (name_prefix or "data") + " must NOT match a disallowed definition")
    else:
        data_is_dict = isinstance(data, dict)
        if data_is_dict:
            data__missing_keys = set(['link']) - data.keys()
            if data__missing_keys:
                raise JsonSchemaValueException("" + (name_prefix or "data") + " must contain ")
    try:
        data_is_dict = isinstance(data, dict)
        if data_is_dict:
            data__missing_keys = set(['type']) - data.keys()
            if data__missing_keys:
                raise JsonSchemaValueException("" + (name_prefix or "data") + " must contain ")
            data_keys = set(data.keys())
            if "type" in data_keys:
                data_keys.remove("type")
                data__type = data["type"]
                if not (isinstance(data__type, str) and data__type == 'deleted' or isinstance(data__type, str) and data__type == 'expired' or isinstance(data__type, str) and data__type == 'linked' or isinstance(data__type, str) and data__type == 'unlinked'):
                    raise JsonSchemaValueException("" + (name_prefix or "data") + ".type must be one of ['deleted', 'expired', 'linked', 'unlinked']")
    except (JsonSchemaValueException, JsonSchemaValuesException):
        pass
    else:
        data_is_dict = isinstance(data, dict)
        if data_is_dict:
            data_keys = set(data.keys())
            if "payload" in data_keys:
                data_keys.remove("payload")
                data__payload = data["payload"]
                data__payload_is_dict = isinstance(data__payload, dict)
                if data__payload_is_dict:
                    data__payload_len = len(data__payload)
                    if data__payload_len > 0:
                        raise JsonSchemaValueException("" + (name_prefix or "data") + ".payload must contain less than or equal to 0 properties")
    data_is_dict = isinstance(data, dict)
    if data_is_dict:
        data__missing_keys = set(['event_id', 'id', 'namespace', 'type', 'timestamp', 'payload']) - data.keys()
        if data__missing_keys:
            raise JsonSchemaValueException("" + (name_prefix or "data") + " must contain ")
        data_keys = set(data.keys())
        if "schema_version" in data_keys:
            data_keys.remove("schema_version")
            data__schemaversion = data["schema_version"]
            if not isinstance(data__schemaversion, (int)) and not (isinstance(data__schemaversion, float) and data__schemaversion.is_integer()) or isinstance(data__schemaversion, bool):
                raise JsonSchemaValueException("" + (name_prefix or "data") + ".schema_version must be integer")
            if not (isinstance(data__schemaversion, (int, float)) and not isinstance(data__schemaversion, bool) and data__schemaversion == 1):
                raise JsonSchemaValueException("" + (name_prefix or "data") + ".schema_version must be one of [1]")
        if "event_id" in data_keys:
            data_keys.remove("event_id")
            data__eventid = data["event_id"]
            validate___definitions_uuid(data__eventid, custom_formats, (name_prefix or "data") + ".event_id")
        if "id" in data_keys:
            data_keys.remove("id")
            data__id = data["id"]
            validate___definitions_uuid(data__id, custom_formats, (name_prefix or "data") + ".id")
        if "namespace" in data_keys:
            data_keys.remove("namespace")
            data__namespace = data["namespace"]
            if not isinstance(data__namespace, (str)):
                raise JsonSchemaValueException("" + (name_prefix or "data") + ".namespace must be string")
            if isinstance(data__namespace, str):
                if not REGEX_PATTERNS['^[a-z0-9][a-z0-9_.-]{0,62}$'].search(data__namespace):
                    raise JsonSchemaValueException("" + (name_prefix or "data") + ".namespace must match pattern ^[a-z0-9][a-z0-9_.-]{0,62}$")
        if "type" in data_keys:
            data_keys.remove("type")
            data__type = data["type"]
            if not isinstance(data__type, (str)):
                raise JsonSchemaValueException("" + (name_prefix or "data") + ".type must be string")
            if not (isinstance(data__type, str) and data__type == 'created' or isinstance(data__type, str) and data__type == 'updated' or isinstance(data__type, str) and data__type == 'deleted' or isinstance(data__type, str) and data__type == 'restored' or isinstance(data__type, str) and data__type == 'linked' or isinstance(data__type, str) and data__type == 'unlinked' or isinstance(data__type, str) and data__type == 'decayed' or isinstance(data__type, str) and data__type == 'expired' or isinstance(data__type, str) and data__type == 'erased'):
                raise JsonSchemaValueException("" + (name_prefix or "data") + ".type must be one of ['created', 'updated', 'deleted', 'restored', 'linked', 'unlinked', 'decayed', 'expired', 'erased']")
        if "timestamp" in data_keys:
            data_keys.remove("timestamp")
            data__timestamp = data["timestamp"]
            validate___definitions_instant(data__timestamp, custom_formats, (name_prefix or "data") + ".timestamp")
        if "payload" in data_keys:
            data_keys.remove("payload")
            data__payload = data["payload"]
            if not isinstance(data__payload, (dict)):
                raise JsonSchemaValueException("" + (name_prefix or "data") + ".payload must be object")
        if "generation" in data_keys:
            data_keys.remove("generation")
            data__generation = data["generation"]
            if not isinstance(data__generation, (int)) and not (isinstance(data__generation, float) and data__generation.is_integer()) or isinstance(data__generation, bool):
                raise JsonSchemaValueException("" + (name_prefix or "data") + ".generation must be integer")
            if isinstance(data__generation, (int, float, Decimal)) and not isinstance(data__generation, bool):
                if data__generation < 1:
                    raise JsonSchemaValueException("" + (name_prefix or "data") + ".generation must be bigger than or equal to 1")
                if data__generation > 9007199254740992:
                    raise JsonSchemaValueException("" + (name_prefix or "data") + ".generation must be smaller than or equal to 9007199254740992")
        if "version" in data_keys:
            data_keys.remove("version")
            data__version = data["version"]
            if not isinstance(data__version, (int)) and not (isinstance(data__version, float) and data__version.is_integer()) or isinstance(data__version, bool):
                raise JsonSchemaValueException("" + (name_prefix or "data") + ".version must be integer")
            if isinstance(data__version, (int, float, Decimal)) and not isinstance(data__version, bool):
                if data__version < 1:
                    raise JsonSchemaValueException("" + (name_prefix or "data") + ".version must be bigger than or equal to 1")
                if data__version > 18014398509481984:
                    raise JsonSchemaValueException("" + (name_prefix or "data") + ".version must be smaller than or equal to 18014398509481984")
        if "position" in data_keys:
            data_keys.remove("position")
            data__position = data["position"]
            if not isinstance(data__position, (int)) and not (isinstance(data__position, float) and data__position.is_integer()) or isinstance(data__position, bool):
                raise JsonSchemaValueException("" + (name_prefix or "data") + ".position must be integer")
            if isinstance(data__position, (int, float, Decimal)) and not isinstance(data__position, bool):
                if data__position < 1:
                    raise JsonSchemaValueException("" + (name_prefix or "data") + ".position must be bigger than or equal to 1")
                if data__position > 9007199254740992:
                    raise JsonSchemaValueException("" + (name_prefix or "data") + ".position must be smaller than or equal to 9007199254740992")
        if "coordinate" in data_keys:
            data_keys.remove("coordinate")
            data__coordinate = data["coordinate"]
            validate___definitions_coordinate(data__coordinate, custom_formats, (name_prefix or "data") + ".coordinate")
        if "kind" in data_keys:
            data_keys.remove("kind")
            data__kind = data["kind"]
            if not isinstance(data__kind, (str)):
                raise JsonSchemaValueException("" + (name_prefix or "data") + ".kind must be string")
            if not (isinstance(data__kind, str) and data__kind == 'episodic' or isinstance(data__kind, str) and data__kind == 'semantic'):
                raise JsonSchemaValueException("" + (name_prefix or "data") + ".kind must be one of ['episodic', 'semantic']")
        if "text" in data_keys:
            data_keys.remove("text")
            data__text = data["text"]
            if not isinstance(data__text, (str)):
                raise JsonSchemaValueException("" + (name_prefix or "data") + ".text must be string")
        if "importance" in data_keys:
            data_keys.remove("importance")
            data__importance = data["importance"]
            if not isinstance(data__importance, (int, float, Decimal)) or isinstance(data__importance, bool):
                raise JsonSchemaValueException("" + (name_prefix or "data") + ".importance must be number")
        if "tags" in data_keys:
            data_keys.remove("tags")
            data__tags = data["tags"]
            if not isinstance(data__tags, (list, tuple)):
                raise JsonSchemaValueException("" + (name_prefix or "data") + ".tags must be array")
            data__tags_is_list = isinstance(data__tags, (list, tuple))
            if data__tags_is_list:
                data__tags_len = len(data__tags)
                if data__tags_len > 32:
                    raise JsonSchemaValueException("" + (name_prefix or "data") + ".tags must contain less than or equal to 32 items")
                for data__tags_x, data__tags_item in enumerate(data__tags):
                    if not isinstance(data__tags_item, (str)):
                        raise JsonSchemaValueException("" + (name_prefix or "data") + ".tags[{data__tags_x}]".format(**locals()) + " must be string")
                    if isinstance(data__tags_item, str):
                        data__tags_item_len = len(data__tags_item)
                        if data__tags_item_len < 1:
                            raise JsonSchemaValueException("" + (name_prefix or "data") + ".tags[{data__tags_x}]".format(**locals()) + " must be longer than or equal to 1 characters")
                        if data__tags_item_len > 128:
                            raise JsonSchemaValueException("" + (name_prefix or "data") + ".tags[{data__tags_x}]".format(**locals()) + " must be shorter than or equal to 128 characters")
        if "session" in data_keys:
            data_keys.remove("session")
            data__session = data["session"]
            if not isinstance(data__session, (str)):
                raise JsonSchemaValueException("" + (name_prefix or "data") + ".session must be string")
            if isinstance(data__session, str):
                data__session_len = len(data__session)
                if data__session_len < 1:
                    raise JsonSchemaValueException("" + (name_prefix or "data") + ".session must be longer than or equal to 1 characters")
                if data__session_len > 256:
                    raise JsonSchemaValueException("" + (name_prefix or "data") + ".session must be shorter than or equal to 256 characters")
        if "source" in data_keys:
            data_keys.remove("source")
            data__source = data["source"]
            if not isinstance(data__source, (str)):
                raise JsonSchemaValueException("" + (name_prefix or "data") + ".source must be string")
            if isinstance(data__source, str):
                data__source_len = len(data__source)
                if data__source_len < 1:
                    raise JsonSchemaValueException("" + (name_prefix or "data") + ".source must be longer than or equal to 1 characters")
                if data__source_len > 256:
                    raise JsonSchemaValueException("" + (name_prefix or "data") + ".source must be shorter than or equal to 256 characters")
        if "occurred_at" in data_keys:
            data_keys.remove("occurred_at")
            data__occurredat = data["occurred_at"]
            validate___definitions_instant(data__occurredat, custom_formats, (name_prefix or "data") + ".occurred_at")
        if "expires_at" in data_keys:
            data_keys.remove("expires_at")
            data__expiresat = data["expires_at"]
            validate___definitions_instant(data__expiresat, custom_formats, (name_prefix or "data") + ".expires_at")
        if "pinned" in data_keys:
            data_keys.remove("pinned")
            data__pinned = data["pinned"]
            if not isinstance(data__pinned, (bool)):
                raise JsonSchemaValueException("" + (name_prefix or "data") + ".pinned must be boolean")
        if "link" in data_keys:
            data_keys.remove("link")
            data__link = data["link"]
            if not isinstance(data__link, (dict)):
                raise JsonSchemaValueException("" + (name_prefix or "data") + ".link must be object")
            data__link_is_dict = isinstance(data__link, dict)
            if data__link_is_dict:
                data__link__missing_keys = set(['from', 'to']) - data__link.keys()
                if data__link__missing_keys:
                    raise JsonSchemaValueException("" + (name_prefix or "data") + ".link must contain ")
                data__link_keys = set(data__link.keys())
                if "from" in data__link_keys:
                    data__link_keys.remove("from")
                    data__link__from = data__link["from"]
                    validate___definitions_coordinate(data__link__from, custom_formats, (name_prefix or "data") + ".link.from")
                if "to" in data__link_keys:
                    data__link_keys.remove("to")
                    data__link__to = data__link["to"]
                    validate___definitions_coordinate(data__link__to, custom_formats, (name_prefix or "data") + ".link.to")
                if "type" in data__link_keys:
                    data__link_keys.remove("type")
                    data__link__type = data__link["type"]
                    if not isinstance(data__link__type, (str)):
                        raise JsonSchemaValueException("" + (name_prefix or "data") + ".link.type must be string")
                    if isinstance(data__link__type, str):
                        data__link__type_len = len(data__link__type)
                        if data__link__type_len < 1:
                            raise JsonSchemaValueException("" + (name_prefix or "data") + ".link.type must be longer than or equal to 1 characters")
                        if data__link__type_len > 128:
                            raise JsonSchemaValueException("" + (name_prefix or "data") + ".link.type must be shorter than or equal to 128 characters")
                if "weight" in data__link_keys:
                    data__link_keys.remove("weight")
                    data__link__weight = data__link["weight"]
                    if not isinstance(data__link__weight, (int, float, Decimal)) or isinstance(data__link__weight, bool):
                        raise JsonSchemaValueException("" + (name_prefix or "data") + ".link.weight must be number")
                    if isinstance(data__link__weight, (int, float, Decimal)) and not isinstance(data__link__weight, bool):
                        if data__link__weight <= 0:
                            raise JsonSchemaValueException("" + (name_prefix or "data") + ".link.weight must be bigger than 0")
                if data__link_keys:
                    raise JsonSchemaValueException("" + (name_prefix or "data") + ".link must not contain "+str(data__link_keys)+" properties")
        if "embedding" in data_keys:
            data_keys.remove("embedding")
            data__embedding = data["embedding"]
            if not isinstance(data__embedding, (list, tuple)):
                raise JsonSchemaValueException("" + (name_prefix or "data") + ".embedding must be array")
            data__embedding_is_list = isinstance(data__embedding, (list, tuple))
            if data__embedding_is_list:
                data__embedding_len = len(data__embedding)
                if data__embedding_len < 1:
                    raise JsonSchemaValueException("" + (name_prefix or "data") + ".embedding must contain at least 1 items")
                if data__embedding_len > 8192:
                    raise JsonSchemaValueException("" + (name_prefix or "data") + ".embedding must contain less than or equal to 8192 items")
                for data__embedding_x, data__embedding_item in enumerate(data__embedding):
                    if not isinstance(data__embedding_item, (int, float, Decimal)) or isinstance(data__embedding_item, bool):
                        raise JsonSchemaValueException("" + (name_prefix or "data") + ".embedding[{data__embedding_x}]".format(**locals()) + " must be number")
                    if isinstance(data__embedding_item, (int, float, Decimal)) and not isinstance(data__embedding_item, bool):
                        if data__embedding_item < -3.4028234663852886e+38:
                            raise JsonSchemaValueException("" + (name_prefix or "data") + ".embedding[{data__embedding_x}]".format(**locals()) + " must be bigger than or equal to -3.4028234663852886e+38")
                        if data__embedding_item > 3.4028234663852886e+38:
                            raise JsonSchemaValueException("" + (name_prefix or "data") + ".embedding[{data__embedding_x}]".format(**locals()) + " must be smaller than or equal to 3.4028234663852886e+38")
        if "model_revision" in data_keys:
            data_keys.remove("model_revision")
            data__modelrevision = data["model_revision"]
            if not isinstance(data__modelrevision, (str)):
                raise JsonSchemaValueException("" + (name_prefix or "data") + ".model_revision must be string")
            if isinstance(data__modelrevision, str):
                data__modelrevision_len = len(data__modelrevision)
                if data__modelrevision_len < 1:
                    raise JsonSchemaValueException("" + (name_prefix or "data") + ".model_revision must be longer than or equal to 1 characters")
                if data__modelrevision_len > 256:
                    raise JsonSchemaValueException("" + (name_prefix or "data") + ".model_revision must be shorter than or equal to 256 characters")
        if "abridged" in data_keys:
            data_keys.remove("abridged")
            data__abridged = data["abridged"]
            if not isinstance(data__abridged, (bool)):
                raise JsonSchemaValueException("" + (name_prefix or "data") + ".abridged must be boolean")
        if data_keys:
            raise JsonSchemaValueException("" + (name_prefix or "data") + " must not contain "+str(data_keys)+" properties")
    return data

def validate___definitions_coordinate(data, custom_formats={}, name_prefix=None):
    if not isinstance(data, (list, tuple)):
        raise JsonSchemaValueException("" + (name_prefix or "data") + " must be array")
    data_is_list = isinstance(data, (list, tuple))
    if data_is_list:
        data_len = len(data)
        if data_len < 1:
            raise JsonSchemaValueException("" + (name_prefix or "data") + " must contain at least 1 items")
        if data_len > 16:
            raise JsonSchemaValueException("" + (name_prefix or "data") + " must contain less than or equal to 16 items")
        for data_x, data_item in enumerate(data):
            if not isinstance(data_item, (int, float, Decimal)) or isinstance(data_item, bool):
                raise JsonSchemaValueException("" + (name_prefix or "data") + "[{data_x}]".format(**locals()) + " must be number")
    return data

def validate___definitions_instant(data, custom_formats={}, name_prefix=None):
    if not isinstance(data, (str)):
        raise JsonSchemaValueException("" + (name_prefix or "data") + " must be string")
    if isinstance(data, str):
        if not REGEX_PATTERNS['^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,12})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$'].search(data):
            raise JsonSchemaValueException("" + (name_prefix or "data") + " must match pattern ^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,12})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$")
    return data

def validate___definitions_uuid(data, custom_formats={}, name_prefix=None):
    if not isinstance(data, (str)):
        raise JsonSchemaValueException("" + (name_prefix or "data") + " must be string")
    if isinstance(data, str):
        if not REGEX_PATTERNS['^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$'].search(data):
            raise JsonSchemaValueException("" + (name_prefix or "data") + " must match pattern ^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$")
    return data
