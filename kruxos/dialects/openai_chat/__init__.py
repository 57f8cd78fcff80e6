"""OpenAI Chat Completions and its many imitations, both ways."""

from kruxos.dialects.base import Dialect
from kruxos.dialects.openai_errors import encode_error

from . import errors
from .encoder import ChatEncoder
from .request import encode
from .response import ChatDecoder
from .reverse import decode

OPENAI_CHAT = Dialect(
    name="openai-chat",
    encode_request=encode,
    decoder=ChatDecoder,
    decode_error=errors.decode_error,
    decode_request=decode,
    encoder=ChatEncoder,
    encode_error=encode_error,
)

__all__ = ["OPENAI_CHAT"]
