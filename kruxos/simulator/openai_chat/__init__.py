"""The simulated OpenAI: Chat Completions, models; and what it refuses."""
