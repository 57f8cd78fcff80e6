"""A login as the vault keeps it: the secret of a provider that is signed in to with an account.

The record is a JSON map. Its worker gets it as its secret, renews it, and gives it back; the supervisor stores it and
looks at nothing but ``ended``: a login that has ended holds no tokens any more, only why.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from kruxos.errors import BadRequestError
from kruxos.fields import Fields

RECORD_BYTES_MAX = 60 * 1024
_TOKEN_CHARS_MAX = 24 * 1024
_WORD_CHARS_MAX = 512


@dataclass(frozen=True, slots=True)
class Login:
    """One login. Times are Unix seconds.

    ``account_id`` names the account that pays; ``expires_at`` is when the access token ends, None where it does not
    say; ``ended`` is why the login cannot be renewed any more, in the issuer's word, empty while it can.
    """

    access_token: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    account_id: str = ""
    expires_at: float | None = None
    renewed_at: float = 0.0
    ended: str = ""

    def to_record(self) -> bytes:
        """As the vault keeps it."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return json.dumps({name: value for name, value in values.items() if value not in ("", None)}).encode()

    def over(self, reason: str) -> Login:
        """This login when it has ended: without its tokens, which are worth nothing any more."""
        return Login(account_id=self.account_id, renewed_at=self.renewed_at, ended=reason or "ended")


def read_login(record: bytes) -> Login:
    """The login of a record. Raises ``BadRequestError``, which never tells a value."""
    fields = Fields(_parsed(record), "login")
    login = Login(
        access_token=fields.maybe_text("access_token", limit=_TOKEN_CHARS_MAX) or "",
        refresh_token=fields.maybe_text("refresh_token", limit=_TOKEN_CHARS_MAX) or "",
        account_id=fields.maybe_text("account_id", limit=_WORD_CHARS_MAX) or "",
        expires_at=fields.maybe_number("expires_at"),
        renewed_at=fields.maybe_number("renewed_at") or 0.0,
        ended=fields.maybe_text("ended", limit=_WORD_CHARS_MAX) or "",
    )
    if not login.ended and not (login.access_token and login.refresh_token):
        raise BadRequestError("a login has an access token and a refresh token", field="login")
    return login


def _parsed(record: bytes) -> Any:
    if len(record) > RECORD_BYTES_MAX:
        raise BadRequestError(f"a login has at most {RECORD_BYTES_MAX} bytes", field="login")
    try:
        return json.loads(record)
    except ValueError:  # its text holds tokens: it is not told
        raise BadRequestError("a login is a JSON map", field="login") from None
