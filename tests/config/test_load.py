"""Loading: all problems at once with their lines, defaults by type, and what does not fit together."""

from __future__ import annotations

import pytest

from kruxos.config.load import PROVIDERS_MAX, load
from kruxos.config.model import Destination, Http, Limits, ModelsConfig, Provider, TimeLimits, destination
from kruxos.config.problems import ConfigError


def one(fields: str, top: str = "") -> Provider:
    """The provider `x` of these fields, in flow style."""
    return load(f"providers: {{x: {{{fields}}}}}\n{top}").providers["x"]


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(text)
    return [str(problem) for problem in caught.value.problems]


def wrong(fields: str, top: str = "") -> list[str]:
    """The messages about a provider `x` of these fields."""
    with pytest.raises(ConfigError) as caught:
        one(fields, top)
    return [f"{problem.path.removeprefix('providers.x.')}: {problem.message}" for problem in caught.value.problems]


def test_an_empty_file_is_a_gateway_without_providers() -> None:
    for text in ("", "# comments only\n", "providers:\n", "providers: {}\n", "defaults:\nhttp:\n"):
        assert load(text) == ModelsConfig()


MESSY = """\
providers:
  Claude API:
    type: antropic
    api_key: sk-ant-api03-abcdefghijklmnop
    modle: x
  deepseek:
    type: openai
    enabled: yes
    limits: {rpm: 5, concurrency: 0}
    time_limits:
      idle_s: 20
      call: 9
    memory_max: 512
    headers: {X-Ok: fine, Host: a}
  local:
    type: ollama
    endpoint: http://localhost:11434/v1
  local:
    type: ollama
    endpoint: http://localhost:11434/v1
  c:
    auth: oauth
  d:
  e: {type: gemini, ca_bundle: x.pem, model: 4.7}
  f: {type: anthropic, auth: oauth}
defaults: {chat: claud, autonmous: e}
isolation: none
operators: [1000, -1]
http: {host: everybody, port: 99999}
providres: {}
"""

MESSY_PROBLEMS = """\
models.yaml has 23 problems:
line 2, column 3: providers.Claude API: this name cannot be used
  fix: call it `claude-api`
line 3, column 5: providers.Claude API.type: this value is not one of those allowed
  fix: did you mean `anthropic`?
line 4, column 14: providers.Claude API.api_key: a key stands in this file, and is not used
  fix: move it to the vault: `kruxos vault import`
line 5, column 5: providers.Claude API.modle: this key is not known here
  fix: did you mean `model`?
line 8, column 5: providers.deepseek.enabled: must be true or false
line 9, column 14: providers.deepseek.limits.rpm: this key is not known here
  fix: known here: requests_per_minute, tokens_per_minute, concurrency
line 9, column 22: providers.deepseek.limits.concurrency: must be at least 1
line 12, column 7: providers.deepseek.time_limits.call: this key is not known here
  fix: did you mean `call_s`?
line 13, column 5: providers.deepseek.memory_max: must be at least 64000000
line 14, column 5: providers.deepseek.headers: holds a header that KruxOS sets itself
  fix: store keys with `kruxos vault add`
line 18, column 3: this key stands here a second time: it is on line 15 already
  fix: keep one of the two
line 20, column 5: providers.local.endpoint: must be Ollama's root, without /v1
  fix: for another local server use `type: openai` and `base_url`
line 21, column 3: providers.c.type: `type` is missing
  fix: one of anthropic, openai, openai-codex, gemini, openrouter, ollama, local
line 23, column 3: providers.d: must be a map
  fix: write its fields below it, indented
line 24, column 21: providers.e.ca_bundle: must be an absolute path
line 24, column 39: providers.e.model: must be text
  fix: put it in quotes: "..."
line 25, column 24: providers.f.auth: `anthropic` does not sign in this way
  fix: use api_key or none
line 26, column 25: defaults.autonmous: this key is not known here
  fix: did you mean `autonomous`?
line 27, column 1: isolation: this value is not one of those allowed
  fix: one of required, best_effort, off
line 28, column 19: operators[1]: must be the name of a user or group on this machine, or its number
line 29, column 8: http.host: must be an address such as 127.0.0.1 or ::1
line 29, column 25: http.port: must be at most 65535
line 30, column 1: providres: this key is not known here
  fix: did you mean `providers`?"""


def test_everything_that_is_wrong_is_told_at_once_with_its_line() -> None:
    with pytest.raises(ConfigError) as caught:
        load(MESSY)
    assert str(caught.value) == MESSY_PROBLEMS


def test_of_very_many_problems_the_first_are_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        load("".join(f"wrong{number}: 1\n" for number in range(60)))
    assert len(caught.value.problems) == 60
    assert str(caught.value).endswith("\nand 10 more")


def test_a_default_that_names_no_provider_is_told() -> None:
    assert problems("providers: {a: {type: ollama}, b: {type: ollama}}\ndefaults:\n  chat: c\n") == [
        "line 3, column 3: defaults.chat: there is no provider of this name\n  fix: one of a, b"
    ]
    assert problems("defaults: {chat: c}") == [
        "line 1, column 12: defaults.chat: there is no provider of this name\n  fix: add it: `kruxos model add`"
    ]


def test_a_default_that_is_switched_off_is_hinted_at() -> None:
    config = load("providers: {a: {type: ollama, enabled: false}}\ndefaults: {chat: a}\n")
    assert [(hint.line, hint.path, hint.message) for hint in config.hints] == [
        (2, "defaults.chat", "this provider is not enabled")
    ]


def test_what_is_not_said_has_a_sensible_default() -> None:
    assert one("type: openai") == Provider(
        name="x", type="openai", auth="api_key", dialect="openai-responses",
        base_url="https://api.openai.com/v1", label="x",
    )  # fmt: skip
    assert one("type: local") == Provider(
        name="x", type="ollama", auth="none", dialect="ollama", base_url="http://localhost:11434", label="x"
    )
    assert one("type: openai-codex").auth == "oauth"


def test_everything_that_can_be_said_of_a_provider_arrives() -> None:
    provider = load(
        """\
providers:
  x:
    type: openai
    auth: none
    base_url: https://h.example/v1/
    default_model: m
    label: L
    enabled: false
    dialect: openai-responses
    profile: vllm
    limits: {requests_per_minute: 1, tokens_per_minute: 1_000, concurrency: 3}
    time_limits: {connect_s: 1, first_event_s: 2.5, idle_s: 3, call_s: 4}
    model_aliases: {fast: m-1}
    retired_models: refuse
    headers: {X-Team: core}
    proxy: http://proxy:3128
    ca_bundle: /etc/ca.pem
    memory_max: 512MB
"""
    ).providers["x"]
    assert provider == Provider(
        name="x", type="openai", auth="none", dialect="openai-responses", base_url="https://h.example/v1", label="L",
        model="m", profile="vllm", enabled=False, limits=Limits(1, 1000, 3), time_limits=TimeLimits(1, 2.5, 3, 4),
        model_aliases={"fast": "m-1"}, retired_models="refuse", headers={"X-Team": "core"}, proxy="http://proxy:3128",
        ca_bundle="/etc/ca.pem", memory_max_bytes=512_000_000,
    )  # fmt: skip
    settings = provider.to_settings()
    assert settings["limits"] == {"requests_per_minute": 1, "tokens_per_minute": 1000, "concurrency": 3}
    assert settings["headers"] == {"X-Team": "core"}


def test_everything_that_can_be_said_of_the_gateway_arrives() -> None:
    config = load(
        "isolation: off\noperators: [1000, alice]\nagents: [1001]\nagents_group: kruxos\n"
        "http: {enabled: true, port: 7801}\nproviders: {a: {type: ollama}}\ndefaults: {fallback: a}\n"
    )
    assert config.isolation == "off"
    assert (config.operators, config.agents, config.agents_group) == ((1000, "alice"), (1001,), "kruxos")
    assert config.http == Http(enabled=True, host="127.0.0.1", port=7801)
    assert config.defaults.for_role("fallback") == "a"


@pytest.mark.parametrize(
    ("size", "count"),
    [("512MB", 512_000_000), ("1GiB", 2**30), ("100000000", 100_000_000), ("70000 KB", 70_000_000), ("256mib", 2**28)],
)
def test_sizes_are_written_with_units(size: str, count: int) -> None:
    assert one(f"type: ollama, memory_max: {size}").memory_max_bytes == count
    assert one(f"type: ollama, memory_max_bytes: {count}").memory_max_bytes == count


def test_a_cap_for_all_workers_holds_where_a_provider_has_none_of_its_own() -> None:
    config = load("memory_max: 256MiB\nproviders: {a: {type: ollama}, b: {type: ollama, memory_max: 1GiB}}\n")
    assert [each.memory_max_bytes for each in config.providers.values()] == [2**28, 2**30]
    assert one("type: ollama").memory_max_bytes == 2**30
    with pytest.raises(ConfigError, match="memory_max_bytes: says something else than `memory_max`"):
        load("memory_max: 256MiB\nmemory_max_bytes: 100000000\n")


def test_two_spellings_of_one_thing_must_agree() -> None:
    assert one("type: ollama, model: a, default_model: a").model == "a"
    assert wrong("type: ollama, model: a, default_model: b") == ["default_model: says something else than `model`"]
    assert wrong("type: ollama, memory_max: 64MB, memory_max_bytes: 64000001") == [
        "memory_max_bytes: says something else than `memory_max`"
    ]
    assert wrong("type: ollama, base_url: http://localhost:1, endpoint: http://localhost:2") == [
        "endpoint: says something else than `base_url`"
    ]


def test_openai_elsewhere_speaks_chat_completions_unless_told_otherwise() -> None:
    assert one("type: openai, base_url: https://h/v1").dialect == "openai-chat"
    assert one("type: openai, base_url: https://h/v1, dialect: openai-responses").dialect == "openai-responses"
    assert one("type: anthropic, base_url: https://h").dialect == "anthropic"


def test_an_endpoint_of_openai_is_taken_as_base_url_with_a_hint() -> None:
    config = load("providers:\n  x:\n    type: openai\n    endpoint: https://api.deepseek.com/v1\n")
    assert config.providers["x"].base_url == "https://api.deepseek.com/v1"
    assert config.providers["x"].dialect == "openai-chat"
    (hint,) = config.hints
    assert (hint.line, hint.column, hint.path) == (4, 5, "providers.x.endpoint")
    assert (hint.message, hint.fix) == ("is taken as `base_url`", "write `base_url`; `endpoint` is Ollama's")


def test_a_base_url_without_a_version_is_hinted_at() -> None:
    (hint,) = load("providers: {x: {type: openai, base_url: https://api.deepseek.com}}").hints
    assert hint.message == "has no version path, without which most servers answer 404"


@pytest.mark.parametrize("end", ["/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/chat/completions/"])
def test_the_address_of_one_call_is_no_base_url(end: str) -> None:
    assert wrong(f"type: openai, base_url: https://h{end}") == [
        "base_url: must be the address of the API, not of one call"
    ]


def test_a_local_server_with_openais_api_can_be_of_type_ollama_too() -> None:
    provider = one("type: local, dialect: openai-chat, base_url: http://localhost:8000/v1")
    assert (provider.base_url, provider.dialect) == ("http://localhost:8000/v1", "openai-chat")


@pytest.mark.parametrize("host", ["localhost:1234", "127.0.0.1", "[::1]:80"])
def test_keys_go_over_plain_http_to_this_machine(host: str) -> None:
    assert one(f"type: openai, base_url: 'http://{host}/v1'").auth == "api_key"


@pytest.mark.parametrize("host", ["192.168.1.5", "gpu.lan", "localhost.evil.example"])
def test_keys_never_go_over_plain_http_to_another_machine(host: str) -> None:
    clear = ["base_url: a key would travel in clear text"]
    assert wrong(f"type: openai, base_url: http://{host}/v1") == clear
    assert one(f"type: openai, auth: none, base_url: http://{host}/v1").auth == "none"
    assert wrong(f"type: ollama, auth: api_key, endpoint: http://{host}:11434") == clear


def test_a_proxy_for_everybody_is_for_the_way_out() -> None:
    top = "proxy: http://proxy:3128\nca_bundle: /etc/ca.pem\n"
    assert destination(one("type: anthropic", top)) == Destination(
        "https://api.anthropic.com:443", "http://proxy:3128", "/etc/ca.pem"
    )
    assert one("type: ollama", top).proxy is None, "this machine is asked directly"
    assert one("type: anthropic, proxy: none", top).proxy is None
    assert one("type: anthropic, proxy: https://other", top).proxy == "https://other"


def test_a_key_never_goes_to_a_proxy_in_clear_text() -> None:
    assert wrong("type: openai, base_url: http://localhost/v1, proxy: http://proxy:3128") == [
        "proxy: a key would travel to the proxy in clear text"
    ]


@pytest.mark.parametrize("field", ["base_url: https://u:p4ssw0rd@h/v1", "proxy: http://u:p4ssw0rd@h"])
def test_an_address_with_a_password_is_refused_without_repeating_it(field: str) -> None:
    (told,) = wrong(f"type: openai, {field}")
    assert told == f"{field.partition(':')[0]}: must not hold a user name or password"


@pytest.mark.parametrize("name", ["a", "7", "x.y_z-1", "a" * 63])
def test_names_of_providers_are_small_letters_and_digits(name: str) -> None:
    assert list(load(f"providers: {{{name}: {{type: ollama}}}}").providers) == [name]


@pytest.mark.parametrize("name", ["A", "-a", ".a", "a/b", "a b", "a" * 64, "ü", "''"])
def test_other_names_are_refused(name: str) -> None:
    assert len(problems(f"providers: {{{name}: {{type: ollama}}}}")) == 1


def test_a_name_is_its_whole_text() -> None:
    assert problems('providers: {"a\\n": {type: ollama}}')[0].startswith(
        "line 1, column 13: providers.(hidden): this name"
    )


def test_there_is_a_bound_to_the_number_of_providers() -> None:
    many = "\n".join(f"  p{i}: {{type: ollama}}" for i in range(PROVIDERS_MAX + 1))
    assert problems(f"providers:\n{many}\n") == [
        f"line 1, column 1: providers: there are more than {PROVIDERS_MAX} providers"
    ]
    assert problems("providers: 5")[0].startswith("line 1, column 1: providers: must be a map of names")


@pytest.mark.parametrize(
    "headers",
    ["{Authorization: x}", "{x-api-key: y}", "{Cookie: a}", "{X-My-Token: b}", "{'a b': c}", '{X: "a\\nb"}', "{X: ü}"],
)
def test_headers_that_sign_in_or_break_the_request_are_refused(headers: str) -> None:
    assert len(wrong(f"type: openai, headers: {headers}")) == 1


def test_anchors_serve_several_providers() -> None:
    config = load("providers:\n  a: &x\n    type: ollama\n    label: one\n  b:\n    <<: *x\n    label: two\n  c: *x\n")
    assert [(p.name, p.type, p.label) for p in config.providers.values()] == [
        ("a", "ollama", "one"), ("b", "ollama", "two"), ("c", "ollama", "one"),
    ]  # fmt: skip


@pytest.mark.parametrize("empty", ["auth:", "model:", "label:", "limits:", "enabled:", "headers: null", "base_url: ~"])
def test_a_field_that_stands_there_empty_is_not_said(empty: str) -> None:
    assert one(f"type: openai, {empty} ") == one("type: openai")


def test_what_the_operator_states_of_models_is_taken_as_written() -> None:
    text = """
providers:
  p:
    type: openai
    catalog:
      m-1:
        context: 1000
        efforts: [none, high]
        default_effort: high
        prices: {input: 0.15, output: "1.50", cache_read: 0}
      m-2:
"""
    assert load(text).providers["p"].catalog == {
        "m-1": {
            "context": 1000, "efforts": ["none", "high"], "default_effort": "high",
            "prices": {"input": "0.15", "output": "1.50", "cache_read": "0"},
        },
        "m-2": {},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("        prices: {output: 1, input: cheap}", "must be a price"),
        ("        prices: {output: 1}", "`input` is missing"),
        ("        prices: {output: 1, input: -1}", "must be a price"),
        ("        efforts: [none, hgih]", "not one of those allowed"),
        ("        default_effort: high", "not among the model's `efforts`"),
        ("        contxt: 7", "not known here"),
    ],
)
def test_what_cannot_be_stated_of_a_model_is_told_with_its_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as found:
        load(f"\nproviders:\n  p:\n    type: openai\n    catalog:\n      m-1:\n{text}\n")
    (problem,) = found.value.problems
    assert message in problem.message
    assert problem.line == 7


def test_retired_models_are_refused_by_all_or_by_one() -> None:
    text = """
retired_models: refuse
providers:
  a: {type: anthropic}
  b: {type: anthropic, retired_models: translate}
"""
    assert {name: each.retired_models for name, each in load(text).providers.items()} == {
        "a": "refuse",
        "b": "translate",
    }
    with pytest.raises(ConfigError, match="line 1"):
        load("retired_models: never")


def test_an_address_that_a_provider_has_left_is_asked_where_it_is_today() -> None:
    config = load("providers:\n  glm:\n    type: openai\n    base_url: https://api.z.ai/v1/\n")
    assert config.providers["glm"].base_url == "https://api.z.ai/api/paas/v4"
    (hint,) = config.hints
    assert (hint.line, hint.path) == (4, "providers.glm.base_url")
    assert "answers no more" in hint.message


def test_a_login_comes_from_the_types_own_issuer_by_a_known_client() -> None:
    codex = one("type: openai-codex")
    assert codex.oauth_issuer == "https://auth.openai.com"
    assert codex.oauth_client_id == "app_EMoamEEZ73f0CkXaXp7hrann"
    assert str(destination(codex)) == "https://chatgpt.com:443 and https://auth.openai.com:443"
    assert one("type: openai").oauth_issuer is None


def test_a_server_that_stands_in_for_the_provider_is_its_own_issuer() -> None:
    codex = one("type: openai-codex, base_url: 'http://127.0.0.1:8909/backend-api/codex/'")
    assert codex.oauth_issuer == "http://127.0.0.1:8909"
    assert str(destination(codex)) == "http://127.0.0.1:8909"


def test_issuer_and_client_can_be_others() -> None:
    codex = one("type: openai-codex, oauth_issuer: 'https://login.example/', oauth_client_id: app_own-1.x")
    assert (codex.oauth_issuer, codex.oauth_client_id) == ("https://login.example", "app_own-1.x")


@pytest.mark.parametrize(
    ("entry", "path", "message"),
    [
        ("type: openai, oauth_issuer: 'https://h'", "oauth_issuer", "one signs in to with an account"),
        ("type: ollama, oauth_client_id: x", "oauth_client_id", "one signs in to with an account"),
        ("type: openai-codex, oauth_issuer: 'http://h'", "oauth_issuer", "in clear text"),
        ("type: openai-codex, oauth_client_id: 'a b'", "oauth_client_id", "must be letters, digits and . _ -"),
    ],
)
def test_a_login_that_cannot_be_right_is_told(entry: str, path: str, message: str) -> None:
    (problem,) = problems(f"providers: {{x: {{{entry}}}}}")
    assert f"providers.x.{path}: " in problem
    assert message in problem


def test_prompt_caches_can_be_left_alone_and_long_retention_be_named() -> None:
    text = """\
providers:
  a: {type: anthropic, cache: off}
  b: {type: openai, model: gpt-5.4, prompt_cache_retention: in_memory}
"""
    found = load(text).providers
    assert (found["a"].cache, found["a"].prompt_cache_retention) == ("off", None)
    assert (found["b"].cache, found["b"].prompt_cache_retention) == ("auto", "in_memory")
    with pytest.raises(ConfigError, match="did you mean `in_memory`"):
        load(text.replace("in_memory", "in-memory"))
