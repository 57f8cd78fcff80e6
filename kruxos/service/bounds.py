"""Every place of the supervisor that holds something for others, with its bound: what `kruxos status --json` tells."""

from __future__ import annotations

from kruxos.cores.conversations import CONVERSATIONS_MAX
from kruxos.cores.idempotency import KEYS_MAX
from kruxos.gauge import Gauge
from kruxos.ledger.ledger import Ledger
from kruxos.link import QUEUE_BYTES_MAX
from kruxos.service.calls import Calls
from kruxos.service.doors import AgentDoor
from kruxos.service.fleet import Fleet
from kruxos.transport.base import REPLIES_WAITING_MAX, REPLY_BYTES_WAITING_MAX


def bounds(calls: Calls, fleet: Fleet, door: AgentDoor, ledger: Ledger) -> dict[str, dict[str, int]]:
    """By name: ``now``, ``peak`` (since the start) and ``most``."""
    replies = door.door.statistics()
    found = {
        "calls": calls.under_way,
        "request_bytes": calls.request_bytes,
        "sessions": door.open_sessions,
        "answer_bytes": door.queued.all,
        "answer_bytes_of_one_call": door.queued.call,
        "replies_at_the_door": Gauge(REPLIES_WAITING_MAX, replies.replies_waiting, replies.replies_waiting_peak),
        "reply_bytes_at_the_door": Gauge(
            REPLY_BYTES_WAITING_MAX, replies.reply_bytes_waiting, replies.reply_bytes_waiting_peak
        ),
        "bytes_to_one_worker": _largest_link(fleet),
        "kept_answer_bytes": calls.keys.held_bytes,
        "keys": _counted(len(calls.keys), KEYS_MAX),
        "conversations": _counted(len(calls.conversations), CONVERSATIONS_MAX),
        "ledger_rows": ledger.writer.rows,
    }
    return {name: gauge.to_wire() for name, gauge in found.items()}


def _largest_link(fleet: Fleet) -> Gauge:
    """Of the processes that run: what the fullest link holds, and the most that one of them held."""
    links = [process.link.queued for each in fleet.providers.values() for process in each.processes.values()]
    now, peak = max((link.now for link in links), default=0), max((link.peak for link in links), default=0)
    return Gauge(QUEUE_BYTES_MAX, now, peak)


def _counted(held: int, most: int) -> Gauge:
    """A place that only grows until it is full: what it holds is its peak."""
    return Gauge(most, held, held)
