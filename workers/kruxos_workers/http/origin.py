"""Where a client's requests go: an origin with a base path, and the proxy on the way. Both read from URLs, once."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from kruxos.errors import BadRequestError, ProviderMisconfiguredError

_PORTS = {"http": 80, "https": 443}
_TARGET = re.compile(r"[\x21\x22\x24-\x7e]*")  # visible ASCII without #


@dataclass(frozen=True, slots=True)
class Origin:
    """``scheme://host:port`` and the path that every request's path follows. ``host`` is ASCII, without brackets."""

    scheme: str
    host: str
    port: int
    base_path: str = ""

    @property
    def secure(self) -> bool:
        """Whether it is reached by TLS."""
        return self.scheme == "https"

    @property
    def authority(self) -> str:
        """Host and port as the ``Host`` header has them: the scheme's own port is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def host_and_port(self) -> str:
        """Host and port as CONNECT has them: both, always."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine by its name or address, so that plain HTTP shows a key to nobody else."""
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def target(self, path: str) -> str:
        """The request target: the base path, and ``path`` as it is. Raises ``BadRequestError``."""
        if path and path[0] not in "/?":
            raise BadRequestError("the path of a request must begin with a slash", field="path")
        if not _TARGET.fullmatch(path):
            raise BadRequestError("the path of a request has characters that must be percent-encoded", field="path")
        target = self.base_path + path
        return target if target.startswith("/") else f"/{target}"


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy that opens tunnels (CONNECT), reached by ``http`` or ``https``. Use ``proxy_from_url``."""

    origin: Origin
    username: str | None = None
    password: str = field(default="", repr=False)


def origin_from_url(url: str) -> Origin:
    """Read a base URL such as ``https://host/v1``. Raises ``ProviderMisconfiguredError`` that says what is wrong."""
    parts = _split(url, "base_url")
    path = parts.path.rstrip("/")
    if not _TARGET.fullmatch(path):
        raise ProviderMisconfiguredError("base_url has characters in its path that must be percent-encoded")
    return Origin(parts.scheme, _host(parts, "base_url"), _port(parts, "base_url"), path)


def proxy_from_url(url: str, username: str | None = None, password: str = "") -> Proxy:
    """Read a proxy's URL such as ``http://host:3128``. Raises ``ProviderMisconfiguredError``."""
    parts = _split(url, "proxy")
    if parts.path not in ("", "/"):
        raise ProviderMisconfiguredError("proxy must be scheme, host and port only")
    if ":" in (username or ""):
        raise ProviderMisconfiguredError("the proxy's user name must not have a colon")
    return Proxy(Origin(parts.scheme, _host(parts, "proxy"), _port(parts, "proxy")), username, password)


def _split(url: str, name: str) -> SplitResult:
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ProviderMisconfiguredError(f"{name} is not a URL") from None
    if parts.scheme not in _PORTS:
        raise ProviderMisconfiguredError(f"{name} must begin with https:// or http://")
    if "@" in parts.netloc:
        raise ProviderMisconfiguredError(f"{name} must not hold a user or password: they belong in the vault")
    if parts.query or parts.fragment:
        raise ProviderMisconfiguredError(f"{name} must end with its path: no ? and no #")
    return parts


def _host(parts: SplitResult, name: str) -> str:
    try:
        host = (parts.hostname or "").encode("ascii" if (parts.hostname or "").isascii() else "idna").decode("ascii")
    except UnicodeError:
        host = ""
    if not re.fullmatch(r"[a-z0-9._-]+|[0-9a-f:.]+(%[a-z0-9._-]+)?", host):
        raise ProviderMisconfiguredError(f"{name} has no proper host name")
    return host


def _port(parts: SplitResult, name: str) -> int:
    try:
        port = parts.port or _PORTS[parts.scheme]
    except ValueError:
        raise ProviderMisconfiguredError(f"{name} has no proper port") from None
    return port
