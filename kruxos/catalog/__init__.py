"""Models as data: what each takes, what it costs, until when it lives.

``models.json`` holds one row a model, each with its source and date; it is read when somebody first asks. ``lookup``
finds a row by a profile's name and a model id, its alias or a dated form of it. What is not listed is unknown: the
answer is None, and its price is never taken for 0. A ``Shelf`` is one provider's part, with what models.yaml says of
it; ``replacement`` tells what took a retired model's place, ``moved`` where a provider's address has gone.
"""

from .addresses import moved
from .models import Model, Prices, Thinking, lookup, models
from .pricing import flat, price, with_reported
from .shelf import Replacement, Shelf, day_of, ending, replacement

__all__ = [
    "Model",
    "Prices",
    "Replacement",
    "Shelf",
    "Thinking",
    "day_of",
    "ending",
    "flat",
    "lookup",
    "models",
    "moved",
    "price",
    "replacement",
    "with_reported",
]
