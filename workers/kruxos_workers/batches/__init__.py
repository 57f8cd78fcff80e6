"""A worker's part in batches: it prepares the input, does the HTTP, and writes results down, all through the spool.

``work`` is what the supervisor asks for, one op at a time; ``spool`` how files are read and written over the link;
``preparing`` makes an agent's lines the provider's, ``asking`` speaks with the provider, ``collecting`` reads results.
"""

from .work import BatchWork

__all__ = ["BatchWork"]
