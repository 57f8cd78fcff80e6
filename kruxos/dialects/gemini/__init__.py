"""Gemini's generateContent, both ways."""

from .dialect import GEMINI

__all__ = ["GEMINI"]
