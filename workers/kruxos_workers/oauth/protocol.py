"""What the issuer of a login is asked, and what its answers mean. Pure: the time comes in as Unix seconds.

    usercode   -> a code for the person, and a name for the login under way
    poll       -> 403 or 404: the person has not answered yet; 2xx: a code of authorization; else: no
    exchange   -> the tokens
    refresh    -> new tokens, and the refresh token that was used is spent
    revoke     -> the login is over

This is not RFC 8628: the paths are OpenAI's own, and the server makes the PKCE pair (openai/codex 0.145:
login/src/device_code_auth.rs, server.rs, auth/manager.rs). The backend promises nobody that it stays so.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast
from urllib.parse import urlencode

from kruxos.login import Login

from .claims import account_id, expires_at

CODE_VALID_S = 15 * 60.0
"""How long a person has to answer (Codex: the same)."""
INTERVAL_S = 5.0
INTERVAL_MAX_S = 60.0
_DEVICE = "/api/accounts/deviceauth"
_TOKEN_PATH = "/oauth/token"  # noqa: S105 - a path
_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"
_PENDING = (403, 404)
_OVER = frozenset({"refresh_token_expired", "refresh_token_reused", "refresh_token_invalidated"})
_REASON = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_PLAIN = re.compile(r"[\x21-\x7e]{1,256}")

Failing = Literal["denied", "expired", "not_enabled", "failed"]


@dataclass(frozen=True, slots=True)
class Ask:
    """One POST to the issuer; its path follows the issuer's address."""

    path: str
    content_type: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Code:
    """What the person types, and how often we may ask whether they have."""

    device_auth_id: str
    user_code: str
    interval_s: float


@dataclass(frozen=True, slots=True)
class Grant:
    """The person has said yes: this is good for tokens, once."""

    code: str = field(repr=False)
    verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Over:
    """A refresh was refused for good: the login has ended."""

    reason: str


@dataclass(frozen=True, slots=True)
class Later:
    """A refresh has failed, and the login may still be good."""

    reason: str


class LoginFailed(Exception):  # noqa: N818 - the way a login ends, not an error of ours
    """No login comes of it. ``kind`` says why; ``reason`` is the issuer's word or status."""

    def __init__(self, kind: Failing, reason: str) -> None:
        super().__init__(f"{kind}: {reason}")
        self.kind: Failing = kind
        self.reason = reason


# Signing in


def ask_code(client_id: str) -> Ask:
    """Begins a login."""
    return _json(f"{_DEVICE}/usercode", {"client_id": client_id})


def read_code(status: int, body: bytes) -> Code:
    """The code to show. Raises ``LoginFailed``."""
    if status == 404:
        raise LoginFailed("not_enabled", "status 404")
    value = _map(body) if 200 <= status < 300 else {}
    name, code = value.get("device_auth_id"), value.get("user_code") or value.get("usercode")
    if not (isinstance(name, str) and isinstance(code, str) and _PLAIN.fullmatch(code)):
        raise LoginFailed("failed", reason_of(status, body))
    return Code(name, code, _seconds(value.get("interval")))


def ask_grant(code: Code) -> Ask:
    """Asks whether the person has answered."""
    return _json(f"{_DEVICE}/token", {"device_auth_id": code.device_auth_id, "user_code": code.user_code})


def read_grant(status: int, body: bytes) -> Grant | None:
    """The person's yes; None: not yet, or the issuer is busy. Raises ``LoginFailed``."""
    if status in _PENDING or status == 429 or status >= 500:
        return None
    value = _map(body) if 200 <= status < 300 else {}
    code, verifier = value.get("authorization_code"), value.get("code_verifier")
    if isinstance(code, str) and isinstance(verifier, str):
        return Grant(code, verifier)
    reason = reason_of(status, body)
    kind: Failing = "denied" if "denied" in reason else "expired" if "expired" in reason else "failed"
    raise LoginFailed(kind, reason)


def ask_tokens(grant: Grant, client_id: str, issuer: str) -> Ask:
    """Exchanges the yes for tokens."""
    form = {
        "grant_type": "authorization_code",
        "code": grant.code,
        "redirect_uri": f"{issuer}/deviceauth/callback",
        "client_id": client_id,
        "code_verifier": grant.verifier,
    }
    return Ask(_TOKEN_PATH, _FORM, urlencode(form).encode())


def read_tokens(status: int, body: bytes, now: float) -> Login:
    """The login. Raises ``LoginFailed``."""
    value = _map(body) if 200 <= status < 300 else {}
    login = _renewed(Login(), value, now)
    if not (login.access_token and login.refresh_token):
        raise LoginFailed("failed", reason_of(status, body))
    return login


# Afterwards


def ask_refresh(login: Login, client_id: str) -> Ask:
    """Spends the refresh token for new tokens."""
    wanted = {"client_id": client_id, "grant_type": "refresh_token", "refresh_token": login.refresh_token}
    return _json(_TOKEN_PATH, wanted)


def read_refresh(status: int, body: bytes, login: Login, now: float) -> Login | Over | Later:
    """What has come of a refresh. What an answer leaves out stays as it was."""
    reason = reason_of(status, body)
    if 200 <= status < 300:
        new = _renewed(login, _map(body), now)
        return Later(reason) if new.access_token == login.access_token else new
    if status == 401 or reason in _OVER:
        return Over(reason)
    return Later(reason)


def ask_revoke(login: Login, client_id: str) -> Ask:
    """Ends the login."""
    return _json(
        "/oauth/revoke",
        {"token": login.refresh_token, "token_type_hint": "refresh_token", "client_id": client_id},
    )


def reason_of(status: int, body: bytes) -> str:
    """The issuer's word for what is wrong, as far as it is one; else the status. Never a value of ours."""
    value = _map(body)
    error = value.get("error")
    inner = cast("dict[str, Any]", error).get("code") if isinstance(error, dict) else error
    for word in (inner, value.get("code")):
        if isinstance(word, str) and _REASON.fullmatch(word.lower()):
            return word.lower()
    return f"status {status}"


def _renewed(login: Login, value: dict[str, Any], now: float) -> Login:
    given = {name: value[name] for name in ("access_token", "refresh_token") if _is_token(value.get(name))}
    id_token = value.get("id_token")
    account = account_id(id_token) if isinstance(id_token, str) else ""
    new = replace(login, **given, account_id=account or login.account_id, renewed_at=now)
    return replace(new, expires_at=expires_at(new.access_token))


def _is_token(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 16_384 and value.isascii() and value.isprintable()


def _seconds(value: object) -> float:
    try:
        seconds = float(value) if isinstance(value, (str, int, float)) else INTERVAL_S
    except ValueError:
        return INTERVAL_S
    return min(seconds, INTERVAL_MAX_S) if seconds > 0 else INTERVAL_S


def _json(path: str, value: dict[str, str]) -> Ask:
    return Ask(path, _JSON, json.dumps(value).encode())


def _map(body: bytes) -> dict[str, Any]:
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
