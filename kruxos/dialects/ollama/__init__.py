"""Ollama's native chat, both ways."""

from kruxos.dialects.base import Dialect

from . import errors
from .encoder import OllamaEncoder
from .request import encode
from .response import OllamaDecoder
from .reverse import decode

OLLAMA = Dialect(
    name="ollama",
    encode_request=encode,
    decoder=OllamaDecoder,
    decode_error=errors.decode_error,
    decode_request=decode,
    encoder=OllamaEncoder,
    encode_error=errors.encode_error,
)

__all__ = ["OLLAMA"]
