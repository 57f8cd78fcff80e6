"""Prompt caches as providers have them: what a request reads, what it writes, for how long. Time is given.

``explicit`` is Anthropic's, which keeps what it is told to; ``automatic`` are those of all others. They are not
allowed to be kinder than the providers: where the facts leave something open, the dearer reading is taken.
"""

from .automatic import RULES, Automatic, AutomaticRules, rules_of
from .explicit import Explicit
from .pieces import Counters, Piece, pieces_of
from .store import Caches, make_cache, with_counters

__all__ = [
    "RULES", "Automatic", "AutomaticRules", "Caches", "Counters", "Explicit", "Piece", "make_cache", "pieces_of",
    "rules_of", "with_counters",
]  # fmt: skip
