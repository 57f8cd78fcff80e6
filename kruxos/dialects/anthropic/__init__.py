"""Anthropic Messages, both ways."""

from kruxos.dialects.base import Dialect

from . import errors
from .encoder import MessagesEncoder
from .request import encode
from .response import MessagesDecoder
from .reverse import decode

ANTHROPIC = Dialect(
    name="anthropic",
    encode_request=encode,
    decoder=MessagesDecoder,
    decode_error=errors.decode_error,
    decode_request=decode,
    encoder=MessagesEncoder,
    encode_error=errors.encode_error,
)

__all__ = ["ANTHROPIC"]
