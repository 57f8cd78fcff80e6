"""Bytes of a link, for those who write on one by themselves."""

from __future__ import annotations

from kruxos import framing, wire


def link_bytes(*frames: wire.Frame) -> bytes:
    """Frames as they stand on a link."""
    return b"".join(piece for frame in frames for piece in framing.encode_link(frame))
