"""Conversations that grow too long for their model: their oldest part gives way to a summary that the model writes.

    wishes       when, and how: the call's word, else the agent's, else the provider's setting
    planning     where a conversation may be cut: no call loses its result, the last turns stay as they are
    transcript   the old part as a text that any model can be asked to sum up
    templates    what a summary has to hold, for different work
    summaries    what was paid for once, by the hash of what it stands for
    compactor    all of it together: what is to be done with one request

Pure: whoever asks the model is ``kruxos_workers.summarising``. The summary is asked for as a text of its own, not as
one more turn of the conversation: so it needs no tools, no thinking that goes back and no pictures, every provider
takes it, and long results of tools are shortened before they are paid for once more.
"""

from kruxos_workers.compaction.compactor import Compactor, Length, Needed, Ready
from kruxos_workers.compaction.wishes import Wish, read_wish

__all__ = ["Compactor", "Length", "Needed", "Ready", "Wish", "read_wish"]
