"""The web process: HTTP doors for agents that speak a provider's protocol, and the operators' dashboard.

main       the process: what it is told, where it listens, how it ends
serving    the server: one uvicorn with our bounds around each connection
site       what both halves share: the data directory, sessions of agents, operations
guard      what every request has to pass: Host, Origin
doors/     the providers' protocols
dashboard/ the pages
telemetry/ what operators' own tools are given

It is an ordinary agent and operator: it reaches the gateway by ``kruxos.client`` and ``kruxos.operations`` alone.
"""
