"""Ollama's errors become ours, and ours become Ollama's."""

from __future__ import annotations

import json

import pytest

from kruxos import errors
from kruxos.dialects.ollama import OLLAMA
from kruxos.errors import KruxosError
from tests.dialects.support import target

AIM = target("ollama", "qwen3:8b")


def error_for(status: int, text: str) -> KruxosError:
    return OLLAMA.decode_error(status, {}, json.dumps({"error": text}).encode(), AIM)


@pytest.mark.parametrize(
    ("status", "text", "code"),
    [
        (404, "model 'qwen3:8b' not found", "model_not_found"),
        (404, 'model "qwen3:8b" not found, try pulling it first', "model_not_found"),
        (400, '"qwen3:8b" does not support thinking', "unsupported"),
        (400, "registry.ollama.ai/library/gemma3:1b does not support tools", "unsupported"),
        (400, "prompt too long; exceeded max context length by 512 tokens", "context_overflow"),
        (400, "the input length exceeds the context length", "context_overflow"),
        (400, "invalid options: num_ctx", "bad_request"),
        (401, "unauthorized", "invalid_credentials"),
        (500, "llama runner process has terminated: exit status 2", "provider_error"),
        (500, "model requires more system memory (9 GiB) than is available (4 GiB)", "provider_misconfigured"),
        (503, "server busy, please try again.  maximum pending requests exceeded", "provider_overloaded"),
    ],
)
def test_every_known_error_has_its_class(status: int, text: str, code: str) -> None:
    error = error_for(status, text)
    assert (error.code, error.detail.provider_status, error.detail.provider_code) == (code, status, None)


def test_a_model_that_is_not_there_names_the_command_that_gets_it() -> None:
    assert "`ollama pull qwen3:8b`" in error_for(404, "model 'qwen3:8b' not found").message


def test_an_address_that_is_no_ollama_server_is_not_taken_for_a_missing_model() -> None:
    error = OLLAMA.decode_error(404, {}, b"404 page not found", AIM)
    assert error.code == "provider_misconfigured"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.BadRequestError("no"), 400),
        (errors.ModelNotFoundError("no"), 404),
        (errors.OverloadedError("no"), 503),
        (errors.InternalError("no"), 500),
    ],
)
def test_our_errors_are_told_as_one_text(error: KruxosError, status: int) -> None:
    number, _, body = OLLAMA.encode_error(error)
    assert (number, json.loads(body)) == (status, {"error": "no"})
