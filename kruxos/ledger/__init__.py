"""Calls, usage and agents in SQLite, off the hot path.

``ledger`` is what callers open. Beneath: ``calls`` (one row a step, and the writer that never blocks), ``keys``
(idempotency, durable before dispatch), ``agents`` (who may call), ``usage`` (sums), ``database`` (the file, its
versions, and what happens when it is damaged), ``schema``.

Plain synchronous functions, safe to call from any thread; none of them belongs on an event loop, except
``LedgerWriter.append``. No body of a request or an answer is ever written.
"""
