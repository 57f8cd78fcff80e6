"""Signatures of thinking, so that what comes back altered can be told from what was given out.

A signature is base64 of a mark, a number that makes each one different, and an HMAC of the number and the text. To
whoever gets it, it is as opaque as a provider's.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

_MARK = b"\x0a\x53\x49\x4d"
_NUMBER_BYTES = 8


class Signer:
    """Signs and verifies with one secret."""

    def __init__(self, seed: int) -> None:
        self._secret = hashlib.sha256(b"simulated signatures %d" % seed).digest()

    def sign(self, text: str, number: int) -> bytes:
        """The signature of a text; ``number`` tells signatures of the same text apart."""
        salt = number.to_bytes(_NUMBER_BYTES, "big")
        return base64.b64encode(_MARK + salt + self._mac(salt, text))

    def verifies(self, text: str, signature: str) -> bool:
        """Whether this signature was made here for this text."""
        try:
            data = base64.b64decode(signature.encode(), validate=True)
        except (binascii.Error, UnicodeEncodeError):
            return False
        salt, mac = data[len(_MARK) : len(_MARK) + _NUMBER_BYTES], data[len(_MARK) + _NUMBER_BYTES :]
        return data.startswith(_MARK) and hmac.compare_digest(mac, self._mac(salt, text))

    def _mac(self, salt: bytes, text: str) -> bytes:
        return hmac.new(self._secret, salt + text.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
