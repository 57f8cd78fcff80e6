"""OpenAI Responses, of OpenAI itself, of the Codex backend and of other servers, both ways."""

from kruxos.dialects.base import Dialect
from kruxos.dialects.openai_errors import encode_error

from . import errors
from .encoder import ResponsesEncoder
from .request import encode
from .response import ResponsesDecoder
from .reverse import decode

OPENAI_RESPONSES = Dialect(
    name="openai-responses",
    encode_request=encode,
    decoder=ResponsesDecoder,
    decode_error=errors.decode_error,
    decode_request=decode,
    encoder=ResponsesEncoder,
    encode_error=encode_error,
)

__all__ = ["OPENAI_RESPONSES"]
