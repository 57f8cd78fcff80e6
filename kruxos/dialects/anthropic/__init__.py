"""Anthropic Messages, both ways."""

from .dialect import ANTHROPIC

__all__ = ["ANTHROPIC"]
