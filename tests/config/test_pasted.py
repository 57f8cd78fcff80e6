"""Keys that were pasted into the file: told, never used, never repeated, and taken out on request."""

from __future__ import annotations

import pickle
import time
import traceback

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kruxos.config.edit import remove_secret_lines
from kruxos.config.load import load, pasted_keys
from kruxos.config.pasted import looks_secret, names_secret, shown
from kruxos.config.problems import ConfigError
from kruxos.config.secret import Secret

KEY = "sk-ant-api03-CANARYcanaryCANARYcanary"
KEYS = (
    KEY, "sk-proj-CANARYcanaryCANARY", "sk-CANARYcanary0123456789", "sk-or-v1-CANARYcanaryCANARY",
    "AIzaSyCANARYcanaryCANARYcanaryCANARY", "gsk_CANARYcanaryCANARYcanary", "xai-CANARYcanaryCANARYcanary",
    "hf_CANARYcanaryCANARYcanary", "pplx-CANARYcanaryCANARYcanary", "eyJhbGciOiJIUzI1.CANARYcanaryCANARY",
)  # fmt: skip


def refusal(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(text)
    return caught.value


def everything_said(error: BaseException) -> str:
    """All that an error could put into a log: itself, what it holds, and what it hangs on."""
    said = [str(error), repr(error), repr(error.args), "".join(traceback.format_exception(error)), repr(vars(error))]
    below = [error.__cause__, error.__context__]
    return "\n".join([*said, pickle.dumps(error).decode("latin-1"), *(everything_said(each) for each in below if each)])


@pytest.mark.parametrize("key", KEYS)
def test_what_looks_like_a_key_is_told_wherever_it_stands(key: str) -> None:
    for text in (
        f"providers:\n  x:\n    type: openai\n    label: {key}\n",
        f"providers:\n  x:\n    type: openai\n    auth: Bearer {key}\n",
        f"providers:\n  {key}:\n    type: openai\n",
        f"providers: {{x: {{type: openai, {key}: y}}}}\n",
        f"{key}: 1\n",
        f"operators: [{key}]\n",
        f"providers: {{x: {{type: openai, headers: {{X-A: {key}}}}}}}\n",
        f"defaults: {{chat: {key}}}\n",
    ):
        error = refusal(text)
        assert "CANARY" not in everything_said(error)
        assert [p.message for p in error.problems] == ["a key stands in this file, and is not used"], text


@pytest.mark.parametrize(
    "name", ["api_key", "apiKey", "API-KEY", "key", "token", "openai_api_key", "secret", "password"]
)
def test_anything_under_a_name_that_keys_go_by_is_taken_for_one(name: str) -> None:
    error = refusal(f"providers:\n  x:\n    type: openai\n    {name}: CANARY plain words\n")
    (problem,) = error.problems
    assert (problem.line, problem.column, problem.path) == (4, len(name) + 7, f"providers.x.{name}")
    assert problem.message == "a key stands in this file, and is not used"
    assert problem.fix == "move it to the vault: `kruxos vault import`"
    assert "CANARY" not in everything_said(error)


@pytest.mark.parametrize("reference", ["$OPENAI_API_KEY", "${KEY}", "env:KEY", "os.environ/KEY", "{env:KEY}"])
def test_a_reference_to_the_environment_is_told_as_one(reference: str) -> None:
    text = f"providers:\n  x:\n    type: openai\n    api_key: '{reference}'\n"
    (problem,) = refusal(text).problems
    assert problem.message == "keys are not taken from the environment"
    assert problem.fix == "remove this line, then run `kruxos vault add model-provider:x api-key`"
    assert [each.provider for each in pasted_keys(text)] == [None]


@pytest.mark.parametrize(
    "text",
    [
        f"providers:\n\tx: {KEY}\n", f"providers:\n  x: '{KEY}\n", f"a: {KEY}: b\n", f"{KEY}\nb: c\n", f"a: *{KEY}\n",
        f"a: !{KEY} b\n", f"a: &{KEY} b\na: &{KEY} c\n", f"[{KEY}\n", f'a: "\\{KEY}"\n', f"a: %{KEY}\n",
        f"? [{KEY}]\n: b\n", f"a: 1\n---\n{KEY}: 2\n", f"providers: {KEY}\n", f"- {KEY}\n",
        f"providers: {{x: {{type: openai, base_url: 'https://u:{KEY}@h/'}}}}", f"a: {KEY}\na: {KEY}\n",
    ],
)  # fmt: skip
def test_a_file_that_is_wrong_in_another_way_does_not_repeat_its_keys_either(text: str) -> None:
    assert "CANARY" not in everything_said(refusal(text))


@settings(max_examples=60, deadline=None)
@given(
    st.text(st.sampled_from("{}[]:,\n\t -#&*!|>'\"%@`"), max_size=30),
    st.text(st.sampled_from(":, \n\"'}]"), max_size=5),
)
def test_no_noise_around_a_key_brings_it_into_a_message(before: str, after: str) -> None:
    text = f"{before}{KEY}{after}"
    try:
        load(text)
    except ConfigError as error:
        said = everything_said(error)
    else:
        said = ""
    assert "CANARY" not in said


PASTED = f"""\
# my models
providers:
  a:
    type: anthropic
    api_key: {KEY}  # the real one
    # stays
  b: {{type: openai, token: CANARY-two, label: B}}
  c:
    type: openai
    auth: sk-CANARYthree0123456789
"""

CLEAN = """\
# my models
providers:
  a:
    type: anthropic
    # stays
  b: {type: openai, label: B}
  c:
    type: openai
"""


def test_pasted_keys_are_found_with_their_providers() -> None:
    found = pasted_keys(PASTED)
    assert [(each.provider, each.secret.reveal()) for each in found] == [
        ("a", KEY), ("b", "CANARY-two"), ("c", "sk-CANARYthree0123456789"),
    ]  # fmt: skip
    assert "CANARY" not in repr(found)


def test_taking_them_out_leaves_everything_else() -> None:
    assert remove_secret_lines(PASTED) == CLEAN
    assert remove_secret_lines(CLEAN) == CLEAN


def test_a_key_that_belongs_to_no_provider_is_not_taken_out_but_told() -> None:
    with pytest.raises(ConfigError) as caught:
        remove_secret_lines(f"api_key: {KEY}\n{PASTED}")
    (problem,) = caught.value.problems
    assert (problem.line, problem.path) == (1, "api_key")
    assert problem.fix == "remove it here, then run `kruxos vault add model-provider:NAME api-key`"


@pytest.mark.parametrize(
    "harmless",
    [
        "claude-sonnet-4-6",
        "llama3.3:8b",
        "sk-1",
        "risk-assessment-tool-long-name",
        "task-sk",
        "hf-1",
        "xai-grok-4-fast-reasoning",
        "org/hf_model_name_for_long_chats_v2",
        "sk-learn-compatible-model",
        "eyJ.a",
    ],
)
def test_ordinary_words_are_no_keys(harmless: str) -> None:
    assert not looks_secret(harmless)
    assert shown(harmless) == harmless


@pytest.mark.parametrize("name", ["tokens_per_minute", "label", "monkeys_uncle", "keyboard", "model"])
def test_ordinary_fields_are_no_names_of_keys(name: str) -> None:
    assert not names_secret(name)


@pytest.mark.parametrize("piece", ["sk-", "-eyJ", "sk-ant-", "AIza", "a" * 60 + "-sk-"])
def test_no_text_takes_long_to_look_through(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    started = time.process_time()
    looks_secret(text)
    names_secret(text)
    assert time.process_time() - started < 5


def test_a_value_that_stands_in_many_places_is_looked_through_once() -> None:
    text = f"a: &a '{'sk-' * 100_000}'\nb: [{', '.join(['*a'] * 20_000)}]\n"
    started = time.process_time()
    assert pasted_keys(text) == []
    assert time.process_time() - started < 20


def test_a_provider_may_be_called_monkey() -> None:
    assert load("providers: {monkey: {type: ollama, label: m}}").providers["monkey"].label == "m"


def test_an_alias_may_be_called_key() -> None:
    assert load("providers: {x: {type: ollama, model_aliases: {key: m}}}").providers["x"].model_aliases == {"key": "m"}


def test_a_secret_shows_itself_only_when_asked() -> None:
    secret = Secret("CANARY")
    assert secret.reveal() == "CANARY"
    assert secret.reveal_bytes() == b"CANARY"
    for said in (repr(secret), str(secret), f"{secret}", f"{secret:>20}", repr([secret])):
        assert "CANARY" not in said
    assert secret == Secret(b"CANARY")
    assert secret != Secret("OTHER")
    assert secret != "CANARY"


def test_a_secret_is_not_copied_hashed_or_pickled() -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(Secret("x"))
    with pytest.raises(TypeError):
        hash(Secret("x"))


def test_a_wiped_secret_is_gone() -> None:
    secret = Secret("CANARY")
    secret.wipe()
    assert secret.reveal_bytes() == bytes(6)
