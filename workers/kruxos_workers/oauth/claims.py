"""What a token says of itself: the payload of a JSON web token, read without its signature.

The signature is the issuer's business, which has just handed the token over by TLS (openai/codex:
login/src/token_data.rs does the same).
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, cast

_AUTH = "https://api.openai.com/auth"


def read_claims(token: str) -> dict[str, Any]:
    """The claims; empty for what is no JSON web token."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        value: Any = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def expires_at(token: str) -> float | None:
    """When the token ends, in Unix seconds; None where it does not say."""
    value = read_claims(token).get("exp")
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    return float(value) if 0 < value < 1e11 else None


def account_id(id_token: str) -> str:
    """The account that pays; empty where the token does not name one."""
    inner = read_claims(id_token).get(_AUTH)
    value = cast("dict[str, Any]", inner).get("chatgpt_account_id") if isinstance(inner, dict) else None
    return value if isinstance(value, str) and value.isascii() and value.isprintable() else ""
