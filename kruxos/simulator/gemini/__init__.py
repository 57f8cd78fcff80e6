"""The simulated Gemini: generateContent, countTokens, models; and what it refuses."""
