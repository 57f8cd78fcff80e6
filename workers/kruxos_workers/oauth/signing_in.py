"""Signing in by a code: the person types it at the issuer's page, and we ask now and then whether they have."""

from __future__ import annotations

from collections.abc import Callable

import trio

from kruxos.login import Login

from .issuer import Issuer, IssuerUnreachable
from .protocol import (
    CODE_VALID_S,
    Code,
    Grant,
    LoginFailed,
    ask_code,
    ask_grant,
    ask_tokens,
    read_code,
    read_grant,
    read_tokens,
)

PAGE = "/codex/device"
"""Where the person types the code, below the issuer's address."""


async def sign_in(issuer: Issuer, show: Callable[[Code], None], clock: Callable[[], float]) -> Login:
    """A new login; ``show`` gets the code for the person. Raises ``LoginFailed``, ``IssuerUnreachable``."""
    code = read_code(*await issuer.ask(ask_code(issuer.client_id)))
    show(code)
    with trio.move_on_after(CODE_VALID_S):
        grant = await _granted(issuer, code)
        answer = await issuer.ask(ask_tokens(grant, issuer.client_id, issuer.client.base_url))
        return read_tokens(*answer, clock())
    raise LoginFailed("expired", f"nobody answered within {CODE_VALID_S / 60:g} minutes")


async def _granted(issuer: Issuer, code: Code) -> Grant:
    """Asks until the person has answered; who calls bounds it. Raises ``LoginFailed``."""
    while True:
        try:
            grant = read_grant(*await issuer.ask(ask_grant(code)))
        except IssuerUnreachable:
            grant = None  # the network may come back while the code is good
        if grant is not None:
            return grant
        await trio.sleep(code.interval_s)
