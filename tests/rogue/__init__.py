"""Workers that misbehave on a signal, and the gateway that has them in place of its own."""
