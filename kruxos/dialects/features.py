"""What this version does at each provider beside answering, by profile; what is not named here it does not.

Whoever builds one of these names it here: the Feature Comparison Matrix is made of this.
"""

from __future__ import annotations

from collections.abc import Mapping

MANAGED_CACHES: Mapping[str, str] = {"anthropic": "Explicit (auto-managed)"}
"""Whose prompt caches the gateway tells what to keep; all others keep what they like."""
COMPACTION: Mapping[str, str] = {"anthropic": "Native server-side", "openai": "Native (Responses API)"}
"""Where a provider compacts a conversation itself, and how that is called."""
CLIENT_COMPACTION = "Client-side fallback"
"""What happens to a long conversation everywhere else."""
BATCH: Mapping[str, str] = {
    "anthropic": "50% discount",
    "openai": "Yes",
    "gemini": "50% discount",
    "openai-codex": "No (flat rate)",
    "ollama": "N/A",
}
"""Batches of requests at a lower price."""
COUNTING: Mapping[str, str] = dict.fromkeys(("anthropic", "openai", "gemini"), "Yes")
"""Counting a request's tokens before it is sent, by the provider."""
