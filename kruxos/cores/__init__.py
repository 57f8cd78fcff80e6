"""The decisions of the supervisor, without I/O, clock or randomness of their own.

Each core is one state machine: ``step(event, now)`` gives commands, which a shell carries out. ``now`` is in monotonic
seconds. What a core needs from chance is passed in.
"""
