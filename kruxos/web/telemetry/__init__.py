"""What an operator's own tools see of the gateway: Prometheus' page, and spans and metrics by OpenTelemetry.

follow    reads the calls that ended, in their order, as ``kruxos logs`` does
tally     counts them (pure)
families  counts and the gateway's status as Prometheus' families; the names are stable
page      ``/metrics``
otlp      spans and metrics by the GenAI conventions, where the extra ``otel`` is installed

All of it runs beside the calls' way, in the web process, and reads what the ledger has: no text of a call is there.
"""
