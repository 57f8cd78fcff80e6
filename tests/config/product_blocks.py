"""The YAML examples of the product document, as written there, and what each has to mean."""

from __future__ import annotations

TEXT = """\
providers:
  claude-api:
    type: anthropic
    auth: api_key
    model: claude-sonnet-4-6
    label: Claude Sonnet 4.6

providers:
  openai-api:
    type: openai
    auth: api_key
    model: gpt-5.4
    label: GPT-5.4

providers:
  codex-subscription:
    type: openai-codex
    model: gpt-5.4
    auth: oauth
    label: GPT-5.4 (Subscription)

providers:
  gemini-api:
    type: gemini
    auth: api_key
    model: gemini-2.5-flash
    label: Gemini 2.5 Flash

providers:
  deepseek:
    type: openai
    base_url: https://api.deepseek.com/v1
    model: deepseek-chat
    auth: api_key
    label: DeepSeek V3

providers:
  glm-5:
    type: openai
    base_url: https://api.z.ai/v1
    model: glm-5
    auth: api_key
    label: GLM-5

providers:
  grok:
    type: openai
    base_url: https://api.x.ai/v1
    model: grok-4
    auth: api_key
    label: Grok 4

providers:
  mistral:
    type: openai
    base_url: https://api.mistral.ai/v1
    model: mistral-large-latest
    auth: api_key
    label: Mistral Large

providers:
  groq:
    type: openai
    base_url: https://api.groq.com/openai/v1
    model: llama-3.3-70b-versatile
    auth: api_key
    label: Groq Llama 3.3 70B

providers:
  openrouter:
    type: openrouter
    auth: api_key
    default_model: meta-llama/llama-3.1-405b-instruct
    label: OpenRouter
    # base_url override is optional — defaults to https://openrouter.ai/api/v1

providers:
  local-default:
    type: local
    auth: none
    endpoint: http://localhost:11434
    model: llama3.3:8b
    label: Local Llama

providers:
  my-custom-provider:
    type: openai
    base_url: https://my-api.example.com/v1
    model: my-model
    auth: api_key
    label: My Custom Provider
"""

BLOCKS = TEXT.split("\n\n")

CHAT = ("openai", "openai-chat", "api_key")
MEANS = {
    "claude-api": ("anthropic", "anthropic", "api_key", "https://api.anthropic.com", "claude-sonnet-4-6"),
    "openai-api": ("openai", "openai-responses", "api_key", "https://api.openai.com/v1", "gpt-5.4"),
    "codex-subscription": (
        "openai-codex", "openai-responses", "oauth", "https://chatgpt.com/backend-api/codex", "gpt-5.4",
    ),
    "gemini-api": (
        "gemini", "gemini", "api_key", "https://generativelanguage.googleapis.com/v1beta", "gemini-2.5-flash",
    ),
    "deepseek": (*CHAT, "https://api.deepseek.com/v1", "deepseek-chat"),
    "glm-5": (*CHAT, "https://api.z.ai/api/paas/v4", "glm-5"),
    "grok": (*CHAT, "https://api.x.ai/v1", "grok-4"),
    "mistral": (*CHAT, "https://api.mistral.ai/v1", "mistral-large-latest"),
    "groq": (*CHAT, "https://api.groq.com/openai/v1", "llama-3.3-70b-versatile"),
    "openrouter": (
        "openrouter", "openai-chat", "api_key", "https://openrouter.ai/api/v1", "meta-llama/llama-3.1-405b-instruct",
    ),
    "local-default": ("ollama", "ollama", "none", "http://localhost:11434", "llama3.3:8b"),
    "my-custom-provider": (*CHAT, "https://my-api.example.com/v1", "my-model"),
}  # fmt: skip
"""By name: type, dialect, auth, base_url, model. GLM is asked where it answers today."""
