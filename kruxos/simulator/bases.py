"""What a client puts behind the simulator's address to reach a provider, by the provider's name."""

from __future__ import annotations

BASE_PATHS: dict[str, str] = {
    "anthropic": "",
    "openai": "/v1",
    "gemini": "/v1beta",
    "ollama": "",
    "deepseek": "/deepseek",
    "glm": "/z.ai/api/paas/v4",
    "grok": "/x.ai/v1",
    "mistral": "/mistral/v1",
    "groq": "/groq/openai/v1",
    "openrouter": "/openrouter/api/v1",
}
CODEX_BASE_PATH = "/backend-api/codex"
"""The same for the backend that wants a login."""
