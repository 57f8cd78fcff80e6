"""Addresses that providers have left: what is asked at instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Moved:
    """Where a provider's API is today, and how that is known."""

    address: str
    source: str


MOVED: Mapping[str, Moved] = {
    "https://api.z.ai/v1": Moved(
        "https://api.z.ai/api/paas/v4", "zai-sdk 0.2.3, litellm 1.109.1, pydantic-ai 2.68.0: all three use this one"
    ),
    "https://api.anthropic.com/v1": Moved(
        "https://api.anthropic.com", "Anthropic docs: Messages API; the version is part of each call's own path"
    ),
}
"""By the old address: origin and path, without a last slash. Servers of other hosts keep whatever paths they have."""


def moved(address: str) -> Moved | None:
    """Where this address has gone; None: nothing is known against it."""
    parts = urlsplit(address.strip())
    return MOVED.get(f"{parts.scheme.lower()}://{parts.netloc.lower().removesuffix(':443')}{parts.path.rstrip('/')}")
