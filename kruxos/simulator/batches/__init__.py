"""The batch services of Anthropic, OpenAI and Gemini."""
