import copy
import pickle
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfm_core.errors import Misconfigured
from sfm_core.runtime.api_settings import ApiSettings, HttpSettings, token_faults
from sfm_core.runtime.core_settings import CoreSettings
from sfm_core.runtime.names import SFM_NAMES
from sfm_core.runtime.secret import Secret
from sfm_core.runtime.settings import describe, load, names, setting

TOKEN = "k7Yv2mQ9x4Lr8TzW"


@dataclass(frozen=True, slots=True, kw_only=True)
class Every:
    text: str = setting("SFM_T_TEXT", doc="a text")
    whole: int = setting("SFM_T_WHOLE", default=7, low=1, high=9, doc="a whole number")
    number: float = setting("SFM_T_NUMBER", default=0.5, low=0, doc="a number")
    flag: bool = setting("SFM_T_FLAG", default=False, doc="a flag")
    path: Path | None = setting("SFM_T_PATH", default=None, doc="a path")
    words: tuple[str, ...] = setting("SFM_T_WORDS", default=(), doc="words")
    choice: Literal["a", "b"] = setting("SFM_T_CHOICE", default="a", doc="a or b")
    secret: Secret | None = setting("SFM_T_SECRET", default=None, doc="a secret")


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    core: CoreSettings
    http: ApiSettings
    extra: int = setting("SFM_T_EXTRA", doc="one more")


def misconfigured(cls: type[object], env: Mapping[str, str], require: Collection[str] = ()) -> str:
    with pytest.raises(Misconfigured) as caught:
        load(cls, env, require=require)
    return caught.value.detail


def test_every_type_is_read_from_its_variable() -> None:
    loaded = load(
        Every,
        {
            "SFM_T_TEXT": "hello",
            "SFM_T_WHOLE": " 3 ",
            "SFM_T_NUMBER": "1e3",
            "SFM_T_FLAG": "Yes",
            "SFM_T_PATH": "/var/lib/x",
            "SFM_T_WORDS": "a, b,,c ",
            "SFM_T_CHOICE": "b",
            "SFM_T_SECRET": "hush",
        },
    )
    assert loaded == Every(
        text="hello",
        whole=3,
        number=1000.0,
        flag=True,
        path=Path("/var/lib/x"),
        words=("a", "b", "c"),
        choice="b",
        secret=Secret("hush"),
    )


def test_what_is_not_set_or_blank_has_its_default() -> None:
    assert load(Every, {"SFM_T_TEXT": "x", "SFM_T_WHOLE": "", "SFM_T_FLAG": "  "}) == Every(
        text="x"
    )


def test_all_faults_are_reported_at_once_by_name_and_never_by_value() -> None:
    detail = misconfigured(
        Every,
        {
            "SFM_T_WHOLE": "s3cr3t",
            "SFM_T_NUMBER": "nan",
            "SFM_T_FLAG": "s3cr3t",
            "SFM_T_CHOICE": "s3cr3t",
            "SFM_T_WROLDS": "s3cr3t",
        },
    )
    assert detail == (
        "SFM_T_TEXT is required; SFM_T_WHOLE is not an integer; SFM_T_NUMBER is not a finite "
        "number; SFM_T_FLAG is not a boolean (1 or 0); SFM_T_CHOICE is none of a, b; "
        "SFM_T_WROLDS is not a setting; did you mean SFM_T_WORDS?"
    )


@pytest.mark.parametrize("text", ["1_0", "٣", "0x3", "3.0", "9" * 5000, "true"])
def test_only_plain_decimal_digits_are_an_integer(text: str) -> None:
    assert "SFM_T_WHOLE is not an integer" in misconfigured(
        Every, {"SFM_T_TEXT": "x", "SFM_T_WHOLE": text}
    )


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("SFM_T_WHOLE", "0", "SFM_T_WHOLE is not between 1 and 9"),
        ("SFM_T_WHOLE", "10", "SFM_T_WHOLE is not between 1 and 9"),
        ("SFM_T_NUMBER", "-0.1", "SFM_T_NUMBER is below 0"),
    ],
)
def test_bounds_are_kept(name: str, text: str, fault: str) -> None:
    assert misconfigured(Every, {"SFM_T_TEXT": "x", name: text}) == fault


def test_groups_are_loaded_along_and_their_faults_come_together() -> None:
    detail = misconfigured(Composed, {"SFM_EMBEDDER": "gpt", "SFM_HTTP_PORT": "99999"})
    assert detail == (
        "SFM_EMBEDDER is none of onnx, hash; SFM_HTTP_PORT is not between 0 and 65535; "
        "SOMA_API_TOKEN is required; SFM_T_EXTRA is required"
    )
    loaded = load(Composed, {"SOMA_API_TOKEN": TOKEN, "SFM_T_EXTRA": "1", "SFM_RECALL_BETA": "0"})
    assert loaded.core.recall_beta == 0.0
    assert loaded.http.http_port == 9595


def test_a_name_of_another_process_is_fine_and_a_test_name_is_not_looked_at() -> None:
    env = {"SFM_DATA_DIR": "1", "SFM_TEST_POSTGRES_URL": "x", "PATH": "y"}
    assert load(CoreSettings, env) == CoreSettings()


def test_names_of_further_classes_are_known_when_said() -> None:
    env = {"SFM_T_EXTRA": "1"}
    assert "SFM_T_EXTRA is not a setting" in misconfigured(CoreSettings, env)
    assert load(CoreSettings, env, known=[Composed]) == CoreSettings()


def test_an_optional_variable_can_be_required_by_the_process() -> None:
    detail = misconfigured(CoreSettings, {}, require=["POSTGRES_URL"])
    assert detail == "POSTGRES_URL is required"


def test_every_sfm_name_of_the_shared_groups_is_on_the_list_of_the_product() -> None:
    shared = names(CoreSettings) | names(ApiSettings)
    assert {name for name in shared if name.startswith("SFM_")} <= SFM_NAMES


# --- secrets -------------------------------------------------------------------------------


def test_a_secret_shows_nothing_but_its_value() -> None:
    secret = Secret("hush-hush")
    for shown in (repr(secret), str(secret), f"{secret}", f"{secret:>12}", f"{secret!r}"):
        assert "hush" not in shown
    assert secret.value == "hush-hush"
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        copy.deepcopy(secret)
    assert "hush" not in repr(load(Every, {"SFM_T_TEXT": "x", "SFM_T_SECRET": "hush"}))


@given(a=st.text(), b=st.text())
def test_secrets_are_equal_when_their_values_are(a: str, b: str) -> None:
    assert (Secret(a) == Secret(b)) is (a == b)
    assert Secret(a) != a


def test_the_file_of_a_secret_goes_before_its_variable(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n", "utf-8")
    env = {"SOMA_API_TOKEN": "other-token-0123456789", "SOMA_API_TOKEN_FILE": str(file)}
    assert load(ApiSettings, env).api_token == Secret(TOKEN)


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfe", b"x" * 100_000])
def test_a_secret_file_that_is_no_good_is_a_fault_without_its_path(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    detail = misconfigured(ApiSettings, {"SOMA_API_TOKEN_FILE": str(file)})
    assert detail.startswith("SOMA_API_TOKEN_FILE ")
    assert str(tmp_path) not in detail


def test_rows_for_people_mask_secrets_and_say_where_values_come_from(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN, "utf-8")
    env = {
        "SOMA_API_TOKEN_FILE": str(file),
        "POSTGRES_URL": "postgresql://me:pw@host/db",
        "SFM_T_EXTRA": "1",
        "SFM_LANGUAGE": "german",
        "SOMA_CORS_ORIGINS": "https://a.example, https://b.example",
    }
    rows = {row.name: row for row in describe(load(Composed, env), env)}
    assert (rows["SOMA_API_TOKEN"].value, rows["SOMA_API_TOKEN"].source) == ("***", "file")
    assert (rows["POSTGRES_URL"].value, rows["POSTGRES_URL"].source) == ("***", "environment")
    assert (rows["SFM_LANGUAGE"].value, rows["SFM_LANGUAGE"].source) == ("german", "environment")
    assert (rows["SFM_HTTP_PORT"].value, rows["SFM_HTTP_PORT"].source) == ("9595", "default")
    assert rows["SOMA_CORS_ORIGINS"].value == "https://a.example,https://b.example"
    assert all(row.doc for row in rows.values())
    assert set(rows) == {name for name in names(Composed) if not name.endswith("_FILE")}


# --- the shared groups ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "word"),
    [
        ("short", "fewer than 16"),
        ("change-me", "known default"),
        ("Change-Me-1234567890", "known default"),
        ("soma-api-token-0000000", "known default"),
        ("aaaaaaaaaaaaaaaaaaaa", "repeats"),
        ("with a space in the middle", "Authorization"),
        ("pässwörter-sind-toll", "Authorization"),
    ],
)
def test_a_weak_token_keeps_a_service_from_starting(token: str, word: str) -> None:
    detail = misconfigured(ApiSettings, {"SOMA_API_TOKEN": token})
    assert word in detail
    assert token not in detail


def test_a_good_token_has_no_faults_and_standalone_may_bring_its_own() -> None:
    assert token_faults(Secret(TOKEN)) == []
    own = ApiSettings.of(HttpSettings(http_port=1234), Secret("mine"))
    assert (own.http_port, own.api_token.value) == (1234, "mine")


def test_batches_may_be_sixteen_times_as_large() -> None:
    settings = load(HttpSettings, {"SOMA_MAX_REQUEST_BODY_MB": "2"})
    assert settings.max_request_body_bytes == 2 * 1024**2
    assert settings.max_batch_body_bytes == 32 * 1024**2


def test_rules_that_span_fields_are_checked() -> None:
    assert "together" in misconfigured(CoreSettings, {"POSTGRES_SSL_CERT": "/c.pem"})
    zero = {f"SFM_RECALL_WEIGHT_{leg}": "0" for leg in ("VECTOR", "KEYWORD", "CONTEXT", "RECENCY")}
    assert "all zero" in misconfigured(CoreSettings, zero)


def test_a_field_that_is_no_setting_is_a_bug_in_the_class() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Wrong:
        plain: int = 3

    with pytest.raises(TypeError, match="plain"):
        load(Wrong, {})
