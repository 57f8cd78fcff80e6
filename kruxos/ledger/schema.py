"""The ledger's tables: one script a version, each run once, in order. A released script is never changed."""

from __future__ import annotations

_VERSION_1 = """
CREATE TABLE agents (
    name TEXT PRIMARY KEY,
    token_sha256 BLOB NOT NULL UNIQUE,
    created_at REAL NOT NULL,
    provider TEXT,
    model TEXT,
    purpose TEXT NOT NULL,
    role TEXT,
    fallback TEXT NOT NULL,
    revoked_at REAL
);
CREATE TABLE calls (
    call_id TEXT NOT NULL,
    step INTEGER NOT NULL,
    last INTEGER NOT NULL,
    started_at REAL NOT NULL,
    agent TEXT,
    provider TEXT,
    model TEXT,
    op TEXT NOT NULL,
    outcome TEXT NOT NULL,
    finish_reason TEXT,
    stream INTEGER NOT NULL,
    attempts TEXT NOT NULL,
    uncached_input_tokens INTEGER,
    cache_read_tokens INTEGER,
    cache_write_tokens INTEGER,
    cache_write_1h_tokens INTEGER,
    output_tokens INTEGER,
    reasoning_tokens INTEGER,
    other_tokens TEXT NOT NULL,
    raw_usage TEXT NOT NULL,
    cost TEXT,
    currency TEXT,
    price_row TEXT,
    billed_maybe INTEGER NOT NULL,
    overhead_us INTEGER,
    upstream_us INTEGER,
    duration_ms INTEGER,
    upstream_request_id TEXT,
    PRIMARY KEY (call_id, step)
);
CREATE INDEX calls_by_time ON calls (started_at);
CREATE INDEX calls_by_agent ON calls (agent, started_at);
CREATE TABLE keys (
    agent TEXT NOT NULL,
    key TEXT NOT NULL,
    body_digest BLOB NOT NULL,
    state TEXT NOT NULL,
    call_id TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (agent, key)
);
CREATE INDEX keys_by_time ON keys (at);
"""

_VERSION_2 = """
ALTER TABLE agents ADD COLUMN effort TEXT;
ALTER TABLE agents ADD COLUMN policy TEXT;
ALTER TABLE calls ADD COLUMN estimated_tokens INTEGER;
ALTER TABLE calls ADD COLUMN estimated_cost TEXT;
CREATE TABLE defaults (
    role TEXT PRIMARY KEY,
    provider TEXT NOT NULL,
    until REAL NOT NULL
);
"""

_VERSION_3 = """
CREATE TABLE batches (
    id TEXT PRIMARY KEY,
    agent TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT,
    key TEXT,
    state TEXT NOT NULL,
    created_at REAL NOT NULL,
    over_at REAL,
    received_bytes INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    headers TEXT NOT NULL,
    cancel_wanted INTEGER NOT NULL,
    code TEXT NOT NULL,
    problem TEXT NOT NULL
);
CREATE INDEX batches_by_agent ON batches (agent, created_at);
CREATE UNIQUE INDEX batches_by_key ON batches (agent, key) WHERE key IS NOT NULL;
CREATE TABLE batch_parts (
    batch TEXT NOT NULL,
    number INTEGER NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (batch, number)
);
"""

_VERSION_4 = """
ALTER TABLE calls ADD COLUMN cost_uncached TEXT;
ALTER TABLE calls ADD COLUMN cost_reported TEXT;
"""

_VERSION_5 = """
ALTER TABLE batches ADD COLUMN labels TEXT NOT NULL DEFAULT '{}';
"""

MIGRATIONS: tuple[str, ...] = (_VERSION_1, _VERSION_2, _VERSION_3, _VERSION_4, _VERSION_5)
"""The script at index N takes a file from version N to N + 1."""


def statements(script: str) -> list[str]:
    """A script's statements. They end with a semicolon at the end of a line."""
    return [statement for statement in script.strip().split(";\n") if statement.strip()]
