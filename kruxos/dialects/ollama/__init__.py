"""Ollama's native chat, both ways."""

from .dialect import OLLAMA

__all__ = ["OLLAMA"]
