"""Each verb of an operator once, whoever asks for it: the command line, the dashboard, a script.

An operation takes a map and gives a map. While the gateway runs it is done there, through the control socket; else the
command line does it itself, under the directory's lock, with ``Context.gateway`` None. No operation starts a gateway.
"""

from kruxos.operations.base import Context, LiveGateway, Operation
from kruxos.operations.registry import OPERATIONS

__all__ = ["OPERATIONS", "Context", "LiveGateway", "Operation"]
