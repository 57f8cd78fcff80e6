"""The parts of docs/protocol.md that the code knows best: frames, events, errors, caps, vectors.

Each stands in the page between two comments, ``<!-- begin NAME -->`` and ``<!-- end NAME -->``. A test compares;
``python -m tests.client.protocol_tables`` writes the page anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

from kruxos import errors, events, framing, wire
from kruxos.client import sp

PAGE = Path(__file__).parents[2] / "docs" / "protocol.md"

FOR_AGENTS = (
    wire.Hello, wire.Welcome, wire.Open, wire.Event, wire.End, wire.Error, wire.Cancel, wire.Pause,
    wire.Resume, wire.Ping, wire.Pong, wire.Bye,
)  # fmt: skip
FOR_WORKERS = (
    wire.Configure, wire.Ready, wire.Resolve, wire.Resolved, wire.Sent, wire.Step, wire.Health, wire.Beat, wire.Pause,
    wire.Resume, wire.Drain, wire.Drained, wire.Renew, wire.Renewal, wire.Renewed, wire.Stored, wire.Spool,
    wire.Spooled,
)  # fmt: skip
EVENTS = (
    events.Start, events.Raw, events.TextDelta, events.ThinkingDelta, events.ToolCallBegin, events.ToolCallDelta,
    events.ToolCallEnd, events.State, events.Notice, events.UsageUpdate, events.Restart,
)  # fmt: skip

VECTORS: tuple[tuple[str, wire.Frame], ...] = (
    ("hello", wire.Hello(package="1.0", agent="code-bot", token="not-a-real-token")),
    ("welcome", wire.Welcome(package="1.0", agent="code-bot", session="ipc:///data/kruxos/run/agents/s-1.sock")),
    ("open", wire.Open(id=1, stream=True, model="claude-api", deadline_s=30.0, body=b"\x81\xa8messages\x90")),
    ("event", wire.Event(id=1, body=events.encode_events([events.TextDelta(0, "hi"), events.TextDelta(0, "!")]))),
    ("end", wire.End(id=1, provider="claude-api", model="m", finish_reason="stop", usage={"output_tokens": 2})),
    ("error", wire.Error(id=2, error={"code": "rate_limited", "message": "later", "retry_at": 1750000000.5})),
    ("cancel", wire.Cancel(id=3)),
    ("ping", wire.Ping(id=4, body=b"?")),
    ("bye", wire.Bye(reason="restarting")),
)


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(heads), *(list(row) for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def prose(documented: type) -> str:
    """A docstring as one paragraph of Markdown."""
    return " ".join((documented.__doc__ or "").replace("``", "`").split())


def default_of(field: Field[Any]) -> str:
    return json.dumps(field.default_factory() if field.default_factory is not MISSING else field.default)


_TYPES = {
    "str": "string", "bool": "boolean", "int": "integer", "float": "number", "bytes": "bytes", "list[str]": "strings",
    "dict[str, Any]": "map", "dict[str, int]": "map", "list[dict[str, Any]]": "maps",
}  # fmt: skip


def type_of(field: Field[Any]) -> str:
    kinds = [kind.strip() for kind in str(field.type).split("|")]
    return " or ".join(_TYPES[kind] for kind in kinds if kind != "None")


def frame_block(kinds: Iterable[type[wire.Frame]]) -> str:
    blocks: list[str] = []
    for kind in kinds:
        header = [field for field in fields(kind) if field.name not in ("id", "body")]
        rows = [(f"`{field.name}`", type_of(field), f"`{default_of(field)}`") for field in header]
        rows_text = table(("header field", "type", "when left out"), rows) if rows else "No header fields."
        blocks.append(f"#### `{kind.kind}`\n\n{prose(kind)}\n\n{rows_text}")
    return "\n\n".join(blocks)


def event_block() -> str:
    usage = ", ".join(f"`{field.name}`" for field in fields(events.Usage))
    rows = []
    for kind in EVENTS:
        names = usage
        if kind is not events.UsageUpdate:
            names = ", ".join(f"`{field.name}` {type_of(field)}" for field in fields(kind))
        rows.append((f"`{kind.type}`", names, prose(kind)))
    return table(("`type`", "fields", "meaning"), rows)


def error_block() -> str:
    rows = []
    for code, kind in errors.BY_CODE.items():
        branch = kind.__mro__[1].__name__.removesuffix("Error").lower()
        yes_no = ["yes" if flag else "no" for flag in (kind.retryable, kind.moves_on)]
        rows.append((f"`{code}`", branch, *yes_no, prose(kind), kind.recovery))
    return table(("code", "whose", "retryable", "moves on", "meaning", "recovery"), rows)


def cap_block() -> str:
    mib = 1024 * 1024
    rows = [
        ("body of a request", f"{wire.REQUEST_BYTES_MAX // mib} MiB", "`too_large`"),
        ("message", f"{wire.MESSAGE_BYTES_MAX // mib} MiB", "`too_large`; well over it the connection is closed"),
        ("a string in a header", f"{wire.HEADER_BYTES_MAX // mib} MiB", "`bad_request`"),
        ("frames in a message", f"{wire.FRAMES_PER_MESSAGE_MAX}", "`too_large`"),
        ("events merged into a frame", f"{wire.EVENT_BYTES_AIM // mib} MiB", "an aim: a single event may be larger"),
        ("bodies in flight, all agents together", f"{wire.BODIES_BYTES_MAX // mib} MiB", "`overloaded`"),
        ("dialling a session after the welcome", f"{wire.Welcome().dial_within_s:.0f} s", "the address is gone"),
    ]
    return table(("what", "cap", "past it"), rows)


def vector_block() -> str:
    rows = [f"{name:<8} {framing.encode(frame).hex()}" for name, frame in VECTORS]
    framed = [
        f"pair     {sp.greeting(sp.Protocol.PAIR0).hex()}",
        f"req      {sp.greeting(sp.Protocol.REQ0).hex()}",
        f"rep      {sp.greeting(sp.Protocol.REP0).hex()}",
        f"message  {sp.frame(framing.encode(wire.Cancel(id=3))).hex()}",
        f"request  {sp.frame(sp.request_id(1) + framing.encode(wire.Cancel(id=3))).hex()}",
    ]
    return "```text vectors\n" + "\n".join([*rows, *framed]) + "\n```"


def blocks() -> dict[str, str]:
    return {
        "frames": frame_block(FOR_AGENTS),
        "worker frames": frame_block(FOR_WORKERS),
        "events": event_block(),
        "errors": error_block(),
        "caps": cap_block(),
        "vectors": vector_block(),
    }


def filled_in(page: str) -> str:
    """The page with every generated block as it should be."""
    for name, content in blocks().items():
        before, begin, rest = page.partition(f"<!-- begin {name} -->\n")
        _, end, after = rest.partition(f"<!-- end {name} -->")
        assert (begin != "", end != "") == (True, True), f"the page has no place for {name}"
        page = f"{before}{begin}{content}\n{end}{after}"
    return page


if __name__ == "__main__":
    PAGE.write_text(filled_in(PAGE.read_text()))
