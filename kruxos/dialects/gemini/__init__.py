"""Gemini's generateContent, both ways."""

from kruxos.dialects.base import Dialect

from . import errors
from .encoder import GeminiEncoder
from .request import encode
from .response import GeminiDecoder
from .reverse import decode

GEMINI = Dialect(
    name="gemini",
    encode_request=encode,
    decoder=GeminiDecoder,
    decode_error=errors.decode_error,
    decode_request=decode,
    encoder=GeminiEncoder,
    encode_error=errors.encode_error,
)

__all__ = ["GEMINI"]
