"""What the provider lets us do right now. Pure: the time comes in as Unix seconds.

limits     the whole: asks and answers, who is admitted, who waits, what is told
bucket     one limit that refills: requests or tokens, of a window
headers    what answers say of their limits, in every notation
cooling    when a provider or one of its models has to be left alone, and how it is tried again
window     how many calls at once: additive increase, multiplicative decrease
queue      who is next: agents in turn
"""

from .limits import Admitted, Ask, Configured, Limits, Refused, Waiting

__all__ = ["Admitted", "Ask", "Configured", "Limits", "Refused", "Waiting"]
