"""What a client must send and must not show: authentication headers, and their values wherever they turn up."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from urllib.parse import quote

from .request import checked_headers, encode_lines

MASK = "[secret]"
MASKED_MAX = 48
"""Earlier secrets stay masked, since an answer may quote the one that its request carried; the oldest are forgotten."""


class Credentials:
    """Header pairs that authenticate a request. Their values show in no representation."""

    def __init__(self) -> None:
        self.names: frozenset[str] = frozenset()
        self._lines = b""
        self._masked: deque[str] = deque(maxlen=MASKED_MAX)

    def replace(self, headers: Mapping[str, str]) -> None:
        """These pairs from the next request on. Raises ``BadRequestError`` for what no header may hold."""
        checked = checked_headers(headers)
        for value in checked.values():
            self.mask(value)
        self.names = frozenset(checked)
        self._lines = encode_lines(checked)

    def lines(self) -> bytes:
        """The header lines, for the head of one request and nothing else."""
        return self._lines

    def mask(self, value: str) -> None:
        """Mask this value too: whole, and without a scheme such as ``Bearer`` before it."""
        secret = value.rpartition(" ")[2]
        for form in (value, secret, quote(secret, safe="")):
            if form and form not in self._masked:
                self._masked.append(form)

    def redact(self, text: str) -> str:
        """The same text with every secret masked, the longest first."""
        for value in sorted(self._masked, key=len, reverse=True):
            text = text.replace(value, MASK)
        return text

    def __repr__(self) -> str:
        return f"Credentials({', '.join(sorted(self.names))})"
