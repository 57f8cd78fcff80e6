"""A local server that behaves like the providers: for tests of agents without money, our own tests, and the demo.

It answers, limits, refuses and fails as they do, on the same dialects that the gateway speaks. ``Simulator`` serves
inside a trio program; ``kruxos simulate`` is the command.

    Simulator(Settings(timing=FAST, script=(Scripted((Text("Hello"),)),), faults=("429 times=1",)))
"""

from .faults import Fault
from .journal import Recorded
from .scenario import Scripted
from .server import Simulator
from .settings import FAST, RateLimits, Settings, Timing

__all__ = ["FAST", "Fault", "RateLimits", "Recorded", "Scripted", "Settings", "Simulator", "Timing"]
