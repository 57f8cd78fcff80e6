"""The simulated OpenAI: the Responses API, and what it refuses."""
