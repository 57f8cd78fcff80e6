"""What the provider lets us do right now. Pure: the time comes in as Unix seconds.

limits     the whole: asks and answers, who is admitted, who waits, what is told
bucket     one limit that refills: requests or tokens, of a window
headers    what answers say of their limits, in every notation
cooling    when a provider or one of its models has to be left alone, and how it is tried again
window     how many calls at once: additive increase, multiplicative decrease
waiting    those that wait: in turn (queue), and until when
"""

from .limits import WAITING_MAX, Admitted, Configured, Limits, Refused, Waiting
from .waiting import Ask

__all__ = ["WAITING_MAX", "Admitted", "Ask", "Configured", "Limits", "Refused", "Waiting"]
