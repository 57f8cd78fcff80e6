"""The simulated Ollama: chat, tags, show, version; and what it refuses."""
