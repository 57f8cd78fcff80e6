"""Addresses of providers and proxies: what may be written, and the origin that a key is bound to."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

ADDRESS_CHARS_MAX = 2048
_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\.?")
_PRINTABLE = re.compile(r"[\x21-\x7e]+")


class AddressError(ValueError):
    """Not an address that can be used. Its text never repeats the address, which may hold a password."""


@dataclass(frozen=True, slots=True)
class Address:
    """An http or https address: ``host`` in lower case, without the brackets of IPv6; ``path`` without a last slash."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> str:
        """Scheme, host and port, always all three: ``https://api.deepseek.com:443``."""
        return f"{self.scheme}://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine, and can be nothing else whatever names resolve to."""
        host = self.host.rstrip(".")
        if host == "localhost" or host.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False


def is_ip_address(host: str) -> bool:
    """Whether it is an IP address and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def parse_address(text: str) -> Address:
    """The address that ``text`` is. Raises ``AddressError`` saying what is wrong with it."""
    if len(text) > ADDRESS_CHARS_MAX or not _PRINTABLE.fullmatch(text):
        raise AddressError("is not an address: it must be plain characters without spaces")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise AddressError("is not an address: its host or port cannot be read") from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise AddressError("must begin with https:// or http://")
    if "@" in parts.netloc:
        raise AddressError("must not hold a user name or password")
    if "?" in text or "#" in text:
        raise AddressError("must end with its path: nothing with ? or #")
    if not host or port == 0 or not _is_host(host):
        raise AddressError("is not an address: its host or port cannot be read")
    return Address(parts.scheme, host, port or _DEFAULT_PORTS[parts.scheme], parts.path.rstrip("/"))


def _is_host(host: str) -> bool:
    if ":" not in host:
        return bool(_HOST.fullmatch(host))
    try:
        return ipaddress.ip_address(host).version == 6
    except ValueError:
        return False
