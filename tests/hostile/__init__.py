"""Providers that do what no provider should, asked by the real gateway through real workers."""
