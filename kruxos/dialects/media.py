"""Images and documents as JSON holds them: ``data:`` URLs both ways, and documents that are text."""

from __future__ import annotations

import base64
import binascii

from kruxos.errors import BadRequestError
from kruxos.messages import Document


def data_url(media_type: str | None, data: bytes | None) -> str:
    """The bytes as a ``data:`` URL."""
    return f"data:{media_type};base64,{base64.b64encode(data or b'').decode()}"


def from_data_url(url: str, path: str) -> tuple[str | None, bytes | None]:
    """Media type and bytes of a ``data:`` URL; nothing of another. Raises ``BadRequestError`` for a broken one."""
    head, comma, data = url.partition(",")
    if not (comma and head.startswith("data:") and head.endswith(";base64")):
        return None, None
    try:
        return head[len("data:") : -len(";base64")], base64.b64decode(data, validate=True)
    except binascii.Error:
        raise BadRequestError(f"{path} is a data: URL whose base64 is broken", field=path) from None


def text_of(part: Document) -> str | None:
    """The text of a document that is text; None for any other."""
    if part.text is None and (part.media_type or "").startswith("text/"):
        return (part.data or b"").decode("utf-8", "replace")
    return part.text
