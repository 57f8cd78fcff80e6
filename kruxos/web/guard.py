"""What every request passes before it reaches a page or a door.

A web page anywhere can have a browser on this machine ask our address: under a name of its own that it lets point here
(then ``Host`` is that name), or plainly (then ``Origin`` or ``Sec-Fetch-Site`` say where the page is from). Neither
is answered. At the Unix socket no browser asks.
"""

from __future__ import annotations

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_FOREIGN = (b"cross-site", b"same-site")
SECURITY_HEADERS = {"x-content-type-options": "nosniff", "cache-control": "no-store"}


class Guard:
    """Around the application. ``hosts``: the values of ``Host`` that are ours."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self._app = app
        self._hosts = frozenset(host.encode() for host in hosts)
        self._origins = frozenset(f"{scheme}://{host}".encode() for host in hosts for scheme in ("http", "https"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes it on, or refuses it."""
        refusal = None if is_local(scope) else self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, send)
            return
        status, text = refusal
        await PlainTextResponse(text, status, SECURITY_HEADERS)(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        hosts: list[bytes] = []
        for name, value in scope["headers"]:
            if name == b"host":
                hosts.append(value.lower())
            elif name == b"origin" and value.lower() not in self._origins:
                return 403, "this origin may not ask here\n"
            elif name == b"sec-fetch-site" and value in _FOREIGN and scope["method"] not in ("GET", "HEAD"):
                return 403, "another site may not ask here\n"
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return 421, "nobody of this name is here: ask 127.0.0.1 or localhost, with the port\n"
        return None


def is_local(scope: Scope) -> bool:
    """Whether it came through the Unix socket, where the kernel vouches for the user."""
    server = scope.get("server")
    return server is not None and server[1] is None
