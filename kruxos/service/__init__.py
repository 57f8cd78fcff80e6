"""The supervisor's trio shell: it binds the cores to sockets, processes, the clock and signals, and decides nothing."""
