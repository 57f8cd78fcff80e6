"""What helps caches that work by themselves: a key that keeps a conversation together, and how long it is kept.

OpenAI sends requests of one key to where their prefix is (OpenAI docs: prompt caching). How long it is kept is said in
a word that changed with the models: ``prompt_cache_retention`` was ``24h``, newer ones take ``prompt_cache_options``.
Which one a model takes is in the catalogue; where that is not known, nothing is sent, and the provider's own default
holds. The product's word for it is ``extended``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from kruxos.dialects.profiles import Profile

KEY_BYTES = 16
EXTENDED = "extended"
RETENTIONS = (EXTENDED, "24h", "in_memory")
_OPTIONS: Mapping[str, Any] = {"mode": "implicit", "ttl": "12h"}


def key_fields(profile: Profile, body: Mapping[str, Any], conversation: str) -> dict[str, Any]:
    """The field that names the conversation, where the provider has one and the agent did not fill it."""
    name = profile.cache_key
    if not name or body.get(name) is not None:
        return {}
    return {name: hashlib.blake2b(conversation.encode("utf-8", "surrogatepass"), digest_size=KEY_BYTES).hexdigest()}


def retention_fields(takes: str, wish: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """How the model is told to keep prefixes for long.

    ``takes`` is the catalogue's word: either, 24h, options, or nothing.
    """
    if body.get("prompt_cache_retention") is not None or body.get("prompt_cache_options") is not None:
        return {}
    if takes in ("either", "24h") and wish in (EXTENDED, "24h"):
        return {"prompt_cache_retention": "24h"}
    if takes == "options" and wish in (EXTENDED, "24h"):
        return {"prompt_cache_options": dict(_OPTIONS)}
    if takes == "either" and wish == "in_memory":
        return {"prompt_cache_retention": "in_memory"}
    return {}
