"""Logins as their issuer keeps them: codes that wait for a person, and tokens, some of them good for one use.

Pure: the time comes in as Unix seconds. Everything is made up from the seed and a count, so a run can be repeated.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any, Literal

DEVICE_S = 15 * 60.0
"""How long a code waits for its person (openai/codex: login/src/device_code_auth.rs)."""
DEVICES_MAX = 64
LOGINS_MAX = 256
ACCOUNT_ID = "00000000-0000-4000-8000-000000000001"
"""The one account that there is."""

Policy = Literal["ask", "approve", "deny", "expire"]
"""What becomes of a code: a person answers, or it is answered at the first question."""
State = Literal["waiting", "approved", "denied", "expired", "used"]


@dataclass(slots=True)
class Device:
    """One code on its way to a login."""

    name: str
    user_code: str
    ends_at: float
    state: State = "waiting"
    code: str = ""
    verifier: str = ""


@dataclass(slots=True)
class Login:
    """One login: the tokens that are good now, and the refresh tokens that were spent."""

    refresh: str
    access: str
    access_ends_at: float
    spent: set[str]
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a login is told."""

    id: str
    access: str
    refresh: str

    def to_json(self) -> dict[str, str]:
        """As the issuer writes it."""
        return {"id_token": self.id, "access_token": self.access, "refresh_token": self.refresh}


class Accounts:
    """All codes and logins. ``tokens_s`` is how long an access token lasts."""

    def __init__(self, seed: int, tokens_s: float, policy: Policy) -> None:
        self._seed, self._tokens_s = seed, tokens_s
        self._first_policy: Policy = policy
        self.policy: Policy = policy
        self._count = 0
        self.devices: list[Device] = []
        self.logins: list[Login] = []

    def reset(self) -> None:
        """As at the start; names go on, so that what was given out is not given out again."""
        self.devices, self.logins, self.policy = [], [], self._first_policy

    # Codes

    def begin(self, now: float) -> Device:
        """A new code."""
        letters = "".join(sign for sign in self._made("user").upper() if sign.isalpha())[:4].ljust(4, "K")
        digits = str(int(self._made("digits"), 16))[:5]
        device = Device(f"deviceauth_{self._made('device')[:24]}", f"{letters}-{digits}", now + DEVICE_S)
        self.devices = [*self.devices[-DEVICES_MAX + 1 :], device]
        return device

    def answer(self, user_code: str, *, yes: bool) -> bool:
        """The person's answer; False where no code of this name waits."""
        for device in self.devices:
            if device.user_code == user_code and device.state == "waiting":
                device.state = "approved" if yes else "denied"
                return True
        return False

    def poll(self, name: str, user_code: str, now: float) -> Device | None:
        """How it stands with a code; an approved one carries what is exchanged for tokens."""
        device = next((each for each in self.devices if (each.name, each.user_code) == (name, user_code)), None)
        if device is None:
            return None
        if device.state == "waiting":
            answers: dict[Policy, State] = {"approve": "approved", "deny": "denied", "expire": "expired"}
            device.state = "expired" if now >= device.ends_at else answers.get(self.policy, "waiting")
        if device.state == "approved" and not device.code:
            device.code, device.verifier = f"ac_{self._made('code')[:32]}", self._made("verifier")
        return device

    def exchange(self, code: str, verifier: str, now: float) -> Tokens | None:
        """Tokens for an approved code, once."""
        for device in self.devices:
            if device.state == "approved" and device.code and (device.code, device.verifier) == (code, verifier):
                device.state = "used"
                login = Login("", "", 0.0, set())
                self.logins = [*self.logins[-LOGINS_MAX + 1 :], login]
                return self._give(login, now)
        return None

    # Tokens

    def refresh(self, token: str, now: float) -> Tokens | str:
        """New tokens for a refresh token, which is spent; or the issuer's word for why there are none.

        A spent one that comes again ends the whole login: whoever has it may have stolen it.
        """
        for login in self.logins:
            if token in login.spent:
                login.is_over = True
                return "refresh_token_reused"
            if token == login.refresh:
                return "refresh_token_invalidated" if login.is_over else self._give(login, now)
        return "refresh_token_expired"

    def revoke(self, token: str) -> None:
        """Ends the login of a refresh token; one that nobody knows is none any more."""
        for login in self.logins:
            if token == login.refresh:
                login.is_over, login.access = True, ""

    def refuse_access(self) -> None:
        """The access tokens that were given until now are refused; refresh tokens stay good."""
        for login in self.logins:
            login.access = ""

    def end_logins(self) -> None:
        """No login can be refreshed any more; access tokens last as long as they do."""
        for login in self.logins:
            login.is_over = True

    def accepts(self, access: str, now: float) -> bool:
        """Whether a request with this access token is signed in."""
        return any(access and access == login.access and now < login.access_ends_at for login in self.logins)

    def to_json(self) -> dict[str, Any]:
        """What an operator may know: codes, and how many logins there are. No tokens."""
        return {
            "policy": self.policy,
            "codes": [{"user_code": each.user_code, "state": each.state} for each in self.devices],
            "logins": sum(not login.is_over for login in self.logins),
            "refreshes": sum(len(login.spent) for login in self.logins),
        }

    def _give(self, login: Login, now: float) -> Tokens:
        if login.refresh:
            login.spent.add(login.refresh)
        claims = {"chatgpt_account_id": ACCOUNT_ID, "chatgpt_plan_type": "plus", "chatgpt_user_id": "user-simulated"}
        login.access_ends_at = now + self._tokens_s
        login.access = self._token({"exp": int(login.access_ends_at)})
        login.refresh = f"rt_{self._made('refresh')}"
        id_token = self._token({"email": "somebody@example.com", "https://api.openai.com/auth": claims})
        return Tokens(id_token, login.access, login.refresh)

    def _token(self, claims: dict[str, Any]) -> str:
        """A JSON web token whose signature is no more than a name."""
        parts = ({"alg": "none", "typ": "JWT"}, claims | {"jti": self._made("token")[:16]})
        encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
        return ".".join([*encoded, self._made("signature")])

    def _made(self, what: str) -> str:
        self._count += 1
        return hashlib.sha256(f"{self._seed} {what} {self._count}".encode()).hexdigest()
