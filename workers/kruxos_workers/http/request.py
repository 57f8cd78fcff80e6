"""The bytes of a request's head. What a caller may set is checked here, so that no value can add a line of its own."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace

from kruxos.errors import BadRequestError

from .origin import Origin

# These say how a message is framed or routed, which is the client's business; and there are no cookies.
RESERVED = frozenset({
    "connection", "content-length", "cookie", "expect", "host", "keep-alive", "proxy-authorization",
    "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip

_METHOD = re.compile(r"[A-Z]+")
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


@dataclass(frozen=True, slots=True)
class StreamedBody:
    """A body that is not in memory: exactly ``length`` bytes, in the pieces that ``pieces`` gives while it is sent."""

    length: int
    pieces: Callable[[], AsyncIterator[bytes]]


def checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The same headers with names in lower case. Raises ``BadRequestError`` naming the header, never its value."""
    checked: dict[str, str] = {}
    for name, value in headers.items():
        lower = name.lower()
        if not _NAME.fullmatch(name):
            raise BadRequestError("a header's name has characters that HTTP does not allow", field="headers")
        if lower in RESERVED:
            raise BadRequestError(f"the header {lower} is set by the HTTP client itself", field=f"headers.{lower}")
        if not _VALUE.fullmatch(value):
            raise BadRequestError(
                f"the value of the header {lower} has characters that HTTP does not allow", field=f"headers.{lower}"
            )
        checked[lower] = value
    return checked


def encode_head(
    method: str, origin: Origin, path: str, headers: Mapping[str, str], body_bytes: int, *, at_root: bool = False
) -> bytes:
    """A request's head but for the lines that authenticate it and the empty one. ``headers`` are checked ones.

    ``at_root``: the path does not follow the base path.
    """
    if not _METHOD.fullmatch(method):
        raise BadRequestError("the method of a request must be capital letters", field="method")
    target = (replace(origin, base_path="") if at_root else origin).target(path)
    first = f"{method} {target} HTTP/1.1\r\nhost: {origin.authority}\r\n".encode("ascii")
    length = b"content-length: %d\r\n" % body_bytes if body_bytes or method in _WITH_BODY else b""
    return first + encode_lines(headers) + length


def encode_lines(headers: Mapping[str, str]) -> bytes:
    """Header lines, each with its end. ``headers`` are checked ones."""
    return "".join([f"{name}: {value}\r\n" for name, value in headers.items()]).encode("latin-1")


def encode_connect(authority: str, headers: Mapping[str, str]) -> bytes:
    """The head of a CONNECT request to a proxy."""
    return f"CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\n".encode("ascii") + encode_lines(headers) + b"\r\n"
