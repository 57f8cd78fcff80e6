"""Images and documents as text: base64, and URLs that hold their data themselves."""

from __future__ import annotations

import base64


def to_base64(data: bytes | None) -> str:
    """Bytes as base64 text."""
    return base64.b64encode(data or b"").decode()


def data_url(media_type: str | None, data: bytes | None) -> str:
    """A URL that holds the data itself."""
    return f"data:{media_type};base64,{to_base64(data)}"


def split_data_url(url: str) -> tuple[str, str] | None:
    """Media type and base64 text of a ``data:`` URL; None for every other URL."""
    head, comma, data = url.partition(",")
    if not (comma and head.startswith("data:") and head.endswith(";base64")):
        return None
    return head[len("data:") : -len(";base64")], data
