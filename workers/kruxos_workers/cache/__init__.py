"""Prompt caches: what a provider probably keeps of this worker's requests, and what is done so that it does. Pure.

prefix      a request's body as a chain of blocks: what a cache compares
rhythm      how soon a prefix comes back, learned
book        which prefixes are kept, until when; what was expected, and what came
placement   Anthropic: where breakpoints are put, and how long each is paid for
hints       OpenAI and others that cache by themselves: a stable key, and how long it is kept
caches      all of it as a worker uses it: before a request leaves, and when its answer has come
"""

from .caches import Asked, Caches, Caching

__all__ = ["Asked", "Caches", "Caching"]
