"""The kind of provider state that Ollama's answers hold: ``thinking`` marks thoughts as its own; it has no data.

A server of one's own signs nothing. The mark is what lets a thought go back to the model that had it, and to no other.
"""

from __future__ import annotations

THINKING = "thinking"
