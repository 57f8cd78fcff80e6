"""The dialect itself: the parts of this package under the contract's names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kruxos.dialects.base import DecodedRequest, Decoder, EncodedRequest, Encoder, Target
from kruxos.dialects.openai_errors import encode_error
from kruxos.errors import KruxosError
from kruxos.messages import Request

from . import errors
from .encoder import ResponsesEncoder
from .request import encode
from .response import ResponsesDecoder
from .reverse import decode


class OpenAIResponses:
    """OpenAI Responses, without anything kept at the provider."""

    name = "openai-responses"

    def encode_request(self, request: Request, target: Target) -> EncodedRequest:
        """See ``base.Dialect``."""
        return encode(request, target)

    def decoder(self, target: Target, encoded: EncodedRequest, content_type: str) -> Decoder:
        """See ``base.Dialect``."""
        return ResponsesDecoder(target, encoded, content_type)

    def decode_error(
        self,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
        target: Target,
        encoded: EncodedRequest | None = None,
    ) -> KruxosError:
        """See ``base.Dialect``."""
        return errors.decode_error(status, headers, body, target, encoded)

    def decode_request(self, body: bytes, headers: Mapping[str, str]) -> DecodedRequest:
        """See ``base.Dialect``."""
        return decode(body, headers)

    def encoder(self, *, stream: bool, model: str, call_id: str, created: int, extra: dict[str, Any]) -> Encoder:
        """See ``base.Dialect``."""
        return ResponsesEncoder(stream=stream, model=model, call_id=call_id, created=created, extra=extra)

    def encode_error(self, error: KruxosError) -> tuple[int, dict[str, str], bytes]:
        """See ``base.Dialect``."""
        return encode_error(error)


OPENAI_RESPONSES = OpenAIResponses()
