"""Simulated providers that speak Chat Completions in ways of their own: each is one file with a row."""
