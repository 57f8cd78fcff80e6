"""`kruxos model test`: each failure in plain words, with its fix."""

from __future__ import annotations

from typing import Any

import pytest

from kruxos import errors
from kruxos.attempts import Attempt
from kruxos.errors import GatewayUnreachableError, KruxosError, NoProviderError
from kruxos.operations.advice import advise, has_version
from kruxos.wire import Open
from tests.operations.conftest import Direct, Live

CONFIG = """\
providers:
  deepseek:
    type: openai
    base_url: https://api.deepseek.com
    model: deepseek-chat
  other:
    type: openai
    base_url: https://api.example.com/v1
    model: m
  off:
    type: anthropic
    enabled: false
"""
REPLY = {
    "text": "ready",
    "model": "deepseek-chat",
    "usage": {"output_tokens": 1},
    "cost": {},
    "overhead_us": 300,
    "notices": [{"code": "x", "message": "something was changed"}],
}


def failing(error: KruxosError) -> Any:
    def answer(frame: Open) -> dict[str, Any]:
        raise error

    return answer


def failure(live: Live, error: KruxosError, name: str = "deepseek") -> KruxosError:
    live.start_with(CONFIG)
    live.gateway.answer = failing(error)
    with pytest.raises(KruxosError) as caught:
        live("model.test", name=name)
    return caught.value


def test_it_makes_one_call_that_can_go_nowhere_else(live: Live) -> None:
    asked: list[Open] = []

    def answer(frame: Open) -> dict[str, Any]:
        asked.append(frame)
        return REPLY

    live.start_with(CONFIG)
    live.gateway.answer = answer
    result = live("model.test", name="deepseek", within_s=7)
    (frame,) = asked
    assert (frame.op, frame.provider, frame.fallback, frame.deadline_s) == ("chat", "deepseek", "none", 7)
    assert (result["name"], result["model"], result["told"]) == ("deepseek", "deepseek-chat", ["something was changed"])


def test_it_needs_the_gateway(direct: Direct) -> None:
    with pytest.raises(GatewayUnreachableError, match="start it with `kruxos serve`"):
        direct("model.test", name="deepseek")


def test_a_missing_key_is_told_in_the_documents_words(live: Live) -> None:
    error = failure(live, errors.NoCredentialsError("deepseek: skipped: no_credentials"))
    assert error.message == (
        "deepseek: no credentials configured (deepseek: skipped: no_credentials)"
        "\n  fix: kruxos vault add model-provider:deepseek api-key"
    )


def test_of_several_candidates_the_providers_own_attempt_is_the_cause(live: Live) -> None:
    attempts = [
        Attempt("fast", None, "forbidden", "skipped: the agent's calls do not fall back"),
        Attempt("deepseek", None, "no_credentials", "skipped: no_credentials"),
    ]
    error = failure(live, errors.AllProvidersUnavailableError("no provider could answer", attempts=attempts))
    assert isinstance(error, errors.NoCredentialsError)
    assert error.message == (
        "deepseek: no credentials configured\n  fix: kruxos vault add model-provider:deepseek api-key"
    )


def test_a_404_without_a_version_path_is_told_with_the_right_address(live: Live) -> None:
    error = failure(live, errors.ProviderMisconfiguredError("deepseek answered with an error 404"))
    assert error.message == (
        "deepseek: nothing answers at https://api.deepseek.com/chat/completions (deepseek answered with an error 404)"
        "\n  fix: check that your base_url includes /v1: https://api.deepseek.com/v1, not https://api.deepseek.com"
    )


def test_a_404_with_a_version_path_has_another_cause(live: Live) -> None:
    error = failure(live, errors.ProviderMisconfiguredError("other answered with an error 404"), "other")
    assert "check base_url (https://api.example.com/v1) and type of other" in error.message


@pytest.mark.parametrize(
    ("error", "told", "fix"),
    [
        (
            errors.InvalidCredentialsError,
            "the provider refuses the key",
            "kruxos vault add model-provider:deepseek api-key",
        ),
        (errors.VaultLockedError, "its key is in a locked vault", "kruxos vault unlock"),
        (errors.DestinationChangedError, "its key is withheld", "kruxos model confirm deepseek"),
        (errors.RateLimitedError, "rate limit reached", "kruxos model default fallback NAME"),
        (errors.ModelNotFoundError, "does not have deepseek-chat", "set another `model:` for deepseek"),
        (errors.ProviderUnreachableError, "no connection to the provider", "check the network and base_url"),
        (errors.InsufficientFundsError, "the account has no credit", "top up"),
        (errors.WorkerLostError, "its worker process keeps ending", "logs/deepseek.log"),
    ],
)
def test_each_failure_has_its_words_and_its_fix(live: Live, error: type[KruxosError], told: str, fix: str) -> None:
    caught = failure(live, error("what happened"))
    message, _, mended = caught.message.partition("\n  fix: ")
    assert isinstance(caught, error)
    assert told in message
    assert "(what happened)" in message
    assert fix in mended


def test_every_code_has_a_fix() -> None:
    for code in errors.BY_CODE:
        advice = advise(code, "p", kind="openai", base_url="https://h/v1")
        assert advice.message
        assert advice.fix or code in ("cancelled", "refused")  # the one was wished, the other's message tells


def test_a_disabled_provider_is_told(live: Live) -> None:
    live.start_with(CONFIG)
    with pytest.raises(NoProviderError, match="kruxos model enable off"):
        live("model.test", name="off")


def test_a_reason_that_is_no_code_is_told_as_it_is() -> None:
    assert advise("killed by SIGKILL", "p", kind="openai").message == "killed by SIGKILL"


@pytest.mark.parametrize(
    ("address", "has"),
    [
        ("https://api.deepseek.com/v1", True),
        ("https://api.groq.com/openai/v1", True),
        ("https://generativelanguage.googleapis.com/v1beta", True),
        ("https://api.z.ai/api/paas/v4", True),
        ("https://api.deepseek.com", False),
        ("http://localhost:11434", False),
        ("https://v1.example.com", False),
        ("https://h/versions", False),
    ],
)
def test_a_version_path_is_known_when_it_is_seen(address: str, has: bool) -> None:
    assert has_version(address) is has
