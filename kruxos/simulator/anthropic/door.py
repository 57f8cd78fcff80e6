"""What Anthropic refuses before it reads a body, and models that it does not have."""

from __future__ import annotations

from collections.abc import Mapping

from kruxos.simulator.models import Sold
from kruxos.simulator.provider import Question, Refusal, Rule

from .errors import FAILURES, invalid

BODY_BYTES_MAX = 32 * 1024 * 1024
VERSIONS = ("2023-06-01", "2026-10-21")
_BEARER = "bearer "


def key(headers: Mapping[str, str]) -> str | None:
    """The key, from either of the two headers that may hold it."""
    bearer = headers.get("authorization", "")
    return headers.get("x-api-key") or (bearer[len(_BEARER) :].strip() if bearer.lower().startswith(_BEARER) else None)


def _key_missing(question: Question) -> Refusal | None:
    return None if question.key else Refusal(401, "authentication_error", "x-api-key header is required")


def _key_wrong(question: Question) -> Refusal | None:
    return FAILURES["401"] if question.is_bad_key else None


def _version_missing(question: Question) -> Refusal | None:
    return None if question.headers.get("anthropic-version") else invalid("anthropic-version: header is required")


def _version_unknown(question: Question) -> Refusal | None:
    version = question.headers["anthropic-version"]
    return None if version in VERSIONS else invalid(f'anthropic-version: "{version[:64]}" is not a valid version')


def _body_too_large(question: Question) -> Refusal | None:
    return FAILURES["413"] if question.body_bytes > BODY_BYTES_MAX else None


def model_missing(question: Question) -> Refusal | None:
    """Unknown models and retired ones get the same answer."""
    if question.body.get("model") is None or isinstance(question.model, Sold):
        return None
    return Refusal(404, "not_found_error", f"model: {question.body['model']}")


DOOR: tuple[Rule, ...] = (
    Rule("key_missing", "Anthropic docs: errors", _key_missing),
    Rule("key_wrong", "Anthropic docs: errors", _key_wrong),
    Rule("version_missing", "Anthropic docs: versions", _version_missing),
    Rule("version_unknown", "Anthropic docs: versions; migration 2026-10-21", _version_unknown),
    Rule("body_too_large", "Anthropic docs: errors, request size limits", _body_too_large),
)
MODEL = Rule("model_not_found", "recorded answers; Anthropic docs: model deprecations", model_missing)
