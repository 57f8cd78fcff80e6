"""Signing in to a subscription at the terminal: consent, a code to type at the issuer's page, and waiting."""

from __future__ import annotations

import signal
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from kruxos.cli import asking, operating
from kruxos.cli.failing import CommandError

if TYPE_CHECKING:
    from kruxos.config.secret import Secret

TERMS = "https://openai.com/policies/terms-of-use"
_TERMS_TEXT = """\
Signing in with a ChatGPT account at {issuer}.
OpenAI's terms apply to this account and to all that is asked with it: {terms}
What agents ask here counts against your subscription's limits."""
_FAILED = {
    "denied": ("the login was denied", "run the command again, and approve the code"),
    "expired": ("nobody approved the code in time", "run the command again"),
    "not_enabled": (
        "this issuer gives no codes",
        "allow device code authorization for Codex in ChatGPT's security settings; in a workspace its admin does",
    ),
    "unreachable": ("the issuer cannot be reached", "check the network, and proxy and oauth_issuer in models.yaml"),
    "failed": ("the login failed", "run the command again; if it stays so, the issuer does not accept this client"),
}


def log_in(name: str, *, agreed: bool) -> dict[str, Any]:
    """A new login for a provider that is there; the operation's result."""
    planned = operating.operate("model.plan_login", {"name": name})
    consent(planned["issuer"], agreed=agreed)
    return keep(planned["issuer"], "model.login", {"name": planned["name"]})


def consent(issuer: Mapping[str, Any], *, agreed: bool) -> None:
    """Shows whose terms apply, and asks. Raises ``CommandError`` without a yes."""
    operating.say(*_TERMS_TEXT.format(issuer=issuer["issuer"], terms=TERMS).splitlines())
    if agreed:
        return
    if not asking.at_terminal():
        raise CommandError("signing in needs your consent to these terms", "give it with --yes")
    if not asking.ask_yes("Do you agree, and sign in?"):
        raise CommandError("nothing was done: you did not agree")


def keep(issuer: Mapping[str, Any], operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Signs in, and has an operation store the login. What cannot be stored is revoked: nothing is left behind."""
    from kruxos.errors import KruxosError  # noqa: PLC0415 - only where somebody signs in
    from kruxos.operations.issuing import Issuer, revoke  # noqa: PLC0415

    where = Issuer(**issuer)
    record = _signed_in(where)
    with _uninterrupted():
        try:
            return operating.operate(operation, {**arguments, "login": record.reveal()})
        except KruxosError:
            revoke(where, record)
            raise


def _signed_in(issuer: Any) -> Secret:
    """The login's record. Raises ``CommandError``."""
    from kruxos.config.secret import Secret  # noqa: PLC0415 - as above
    from kruxos.operations.issuing import helper  # noqa: PLC0415

    with helper(issuer, "login") as said:
        for each in said:
            match each:
                case {"say": "code"}:
                    _show_code(each)
                case {"say": "login", "record": str(record)}:
                    return Secret(record)
                case _:
                    message, fix = _FAILED.get(str(each.get("kind")), _FAILED["failed"])
                    raise CommandError(f"{message} ({each.get('reason')})", fix)
    raise CommandError("the process that signs in ended before its time", "run the command again")


def _show_code(said: Mapping[str, Any]) -> None:
    operating.say(
        "",
        f"Open   {said['url']}",
        f"Enter  {said['user_code']}   (good for {said['valid_s'] / 60:g} minutes)",
        "",
        "Do so only if you have started this login yourself. Waiting for it; Ctrl-C gives up.",
    )
    sys.stdout.flush()


@contextmanager
def _uninterrupted() -> Generator[None]:
    """Ctrl-C waits: tokens that are here are stored, or they are revoked."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
