"""What every page goes through: who asks, what a form says, how the gateway is asked, and what the answer is sent with.

request -> cookie -> session          else: the page that says how to sign in
POST    -> bounded body -> form word  else: refused, nothing done
verb    -> guarded? passphrase of this session -> control socket -> result, or ``Trouble`` in plain words
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from kruxos.cli.failing import split_fix
from kruxos.errors import GatewayUnreachableError, KruxosError, VaultLockedError
from kruxos.web.dashboard.rendering import page
from kruxos.web.dashboard.sessions import LIFETIME_S, Session, Sessions
from kruxos.web.guard import SECURITY_HEADERS

if TYPE_CHECKING:
    from kruxos.web.site import Site

LOG = logging.getLogger("kruxos.web.dashboard")
HOME = "/dashboard"
FORM_BYTES_MAX = 64 * 1024
FORM_FIELDS_MAX = 64
PASSPHRASE = "passphrase"  # noqa: S105 - a field's name
HEADERS = SECURITY_HEADERS | {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # with none at all browsers hide a form's origin from us, too
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
GUARDED = frozenset({
    "agent.create", "agent.restore", "agent.revoke", "agent.rotate", "agent.set_model", "agent.set_policy", "model.add",
    "model.confirm", "model.login", "model.remove", "vault.add", "vault.import", "vault.remove", "vault.rotate",
})  # fmt: skip
"""The operations that ask for the vault's passphrase where it has one: the gateway takes the web process for one
operator, so each session here has to show it for itself."""


@dataclass(eq=False)
class Trouble(Exception):  # noqa: N818 - it is what a page shows, not a fault
    """Something was not done: why, and what to do. ``status`` is HTTP's."""

    text: str
    fix: str = ""
    status: int = 409
    field: str | None = None


@dataclass(slots=True)
class Asked:
    """One request of somebody who is signed in. ``form`` has what a POST brought."""

    site: Site
    session: Session
    request: Request
    form: Mapping[str, str] = field(default_factory=dict[str, str])

    def text(self, name: str) -> str:
        """A field of the form without spaces around it; empty where it is not there."""
        return self.form.get(name, "").strip()

    @property
    def name(self) -> str:
        """The name in the path."""
        return str(self.request.path_params["name"])

    async def operate(self, op: str, /, **arguments: Any) -> dict[str, Any]:
        """Has the gateway do it; what is None is left out. Raises ``Trouble``."""
        given = {name: value for name, value in arguments.items() if value is not None}
        try:
            if op in GUARDED:
                await self.prove()
            return await self.site.operate(op, given)
        except KruxosError as error:
            if isinstance(error, VaultLockedError) and error.detail.field == PASSPHRASE:
                self.session.proven_until = 0.0
                raise self._passphrase_needed() from None
            raise trouble(error) from None

    async def unlock(self, passphrase: str | None) -> None:
        """Unlocks the vault; with its passphrase this session may do what is guarded, for a while."""
        done = await self.operate("vault.unlock", passphrase=passphrase)
        if passphrase is not None:
            self.session.proven_until = time.monotonic() + done["unlocked_s"]

    async def asks_passphrase(self) -> bool:
        """Whether guarded forms have to ask for the vault's passphrase now."""
        vault = await self.operate("vault.status")
        return vault["source"] == PASSPHRASE and time.monotonic() >= self.session.proven_until

    async def prove(self) -> None:
        """Sees that this session has shown the passphrase, where the vault has one. Raises ``Trouble``."""
        if not await self.asks_passphrase():
            return
        passphrase = self.form.get(PASSPHRASE, "")
        if not passphrase:
            raise self._passphrase_needed()
        await self.unlock(passphrase)

    def _passphrase_needed(self) -> Trouble:
        return Trouble("This needs the vault's passphrase.", "type it below, or unlock under Settings > Vault", 403)

    def show(self, template: str, status: int = 200, /, **values: Any) -> Response:
        """The page. A look of the script for news takes no notes away."""
        is_look = "x-look" in self.request.headers
        notes = [] if is_look else self.session.take_notes()
        values |= {"notes": notes, "form_word": self.session.form_word, "path": self.request.url.path}
        return HTMLResponse(page(template, values), status, HEADERS)

    def go(self, path: str) -> Response:
        """On to another page, after something was done."""
        return RedirectResponse(HOME + path, 303, HEADERS)


def trouble(error: KruxosError) -> Trouble:
    """An error of the gateway in words for a page."""
    if isinstance(error, GatewayUnreachableError):
        return Trouble(
            "The gateway does not answer.", "start it with `kruxos serve`; this page comes back by itself", 503
        )
    message, fix = split_fix(error.message)
    fix = fix or ("" if error.recovery in message else error.recovery)
    if isinstance(error, VaultLockedError):
        fix = "unlock it under Settings > Vault, or with `kruxos vault unlock`"
    return Trouble(message, fix, 409, error.detail.field)


View = Callable[[Asked], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


class Desk:
    """Lets requests in, and turns trouble into pages."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._sessions = Sessions(lambda: secrets.token_urlsafe(32))
        self._cookie = f"kruxos-{site.port}"

    def view(self, view: View) -> Endpoint:
        """An endpoint for people who are signed in."""

        async def answer(request: Request) -> Response:
            session = self._sessions.find(request.cookies.get(self._cookie, ""), time.monotonic())
            if session is None:
                return HTMLResponse(page("sign_in.html", {"said": ""}), 401, HEADERS)
            asked = Asked(self._site, session, request)
            try:
                if request.method == "POST":
                    asked.form = await _read_form(request)
                    if not session.is_form(asked.form.get("form_word", "")):
                        raise Trouble("This form is not of this session: nothing was done.", "open the page again", 403)
                return await view(asked)
            except Trouble as found:
                return asked.show("trouble.html", found.status, trouble=found)
            except Exception:
                LOG.exception("the page %s failed", request.url.path)
                fault = Trouble("This is a fault of KruxOS.", "its log, logs/web.log, has more: please report it", 500)
                return asked.show("trouble.html", fault.status, trouble=fault)

        return answer

    async def enter(self, request: Request) -> Response:
        """The one-time link. The cookie comes with a page that leads on: a redirect would count as another site's."""
        token = request.query_params.get("token", "")
        try:
            entered = (await self._site.operate("web.enter", {"token": token}))["entered"]
        except KruxosError:
            entered = False
        if not entered:
            said = "This link was used already, or is older than five minutes."
            return HTMLResponse(page("sign_in.html", {"said": said}), 401, HEADERS)
        response = HTMLResponse(page("entered.html", {}), 200, HEADERS)
        cookie = self._sessions.begin(time.monotonic())
        response.set_cookie(
            self._cookie, cookie, int(LIFETIME_S), path=HOME, httponly=True, samesite="strict",
            secure=request.url.scheme == "https",
        )  # fmt: skip
        return response

    async def leave(self, asked: Asked) -> Response:
        """Signs out."""
        self._sessions.end(asked.request.cookies[self._cookie])
        response = HTMLResponse(page("sign_in.html", {"said": "You are signed out."}), 200, HEADERS)
        response.delete_cookie(self._cookie, path=HOME)
        return response


async def _read_form(request: Request) -> dict[str, str]:
    """The fields of a POST. Raises ``Trouble`` for what is too much, or is no form."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Trouble("This is not a form.", "", 415)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_BYTES_MAX:
            raise Trouble("This form is too large: nothing was done.", "", 413)
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FORM_FIELDS_MAX)
    except ValueError:
        raise Trouble("This form cannot be read: nothing was done.", "", 400) from None
    return dict(pairs)
