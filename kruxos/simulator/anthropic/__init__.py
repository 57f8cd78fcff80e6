"""The simulated Anthropic: Messages, token counting, models; and what it refuses."""
