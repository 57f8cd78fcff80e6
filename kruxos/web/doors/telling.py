"""What is told of a call in headers, beside the answer: ``x-kruxos-...``. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from kruxos.client.call import TokenCount
from kruxos.errors import KruxosError
from kruxos.events import Notice, Reply, Start

_UNSAFE = re.compile(r"[^\x20-\x7e]")
_CHARS_MAX = 256
PREFIX = "x-kruxos-"


def of_start(start: Start | None, notices: Iterable[Notice]) -> dict[str, str]:
    """What is known when a stream begins."""
    told = {} if start is None else {"call-id": start.call_id, "provider": start.provider, "model": start.model}
    return _headers(told | {"notices": _codes(notices)})


def of_reply(reply: Reply) -> dict[str, str]:
    """What is known of a whole answer. ``cost`` is decimal, then its currency; left out where no price is known."""
    cost = reply.cost or {}
    told = {
        "call-id": reply.call_id,
        "provider": reply.provider,
        "model": reply.model,
        "overhead-us": "" if reply.overhead_us is None else str(reply.overhead_us),
        "cost": f"{cost['total']} {cost.get('currency') or 'USD'}" if cost.get("total") is not None else "",
        "notices": _codes(reply.notices),
    }
    return _headers(told)


def of_count(count: TokenCount) -> dict[str, str]:
    """Who counted. ``notices`` has ``estimated`` where that was the gateway itself."""
    return _headers({"provider": count.provider, "model": count.model, "notices": _codes(count.notices)})


def of_error(error: KruxosError) -> dict[str, str]:
    """What is known of a call that failed; ``code`` is the gateway's own word for it."""
    detail = error.detail
    told = {"code": error.code, "call-id": detail.call_id, "provider": detail.provider, "model": detail.model}
    return _headers({name: value or "" for name, value in told.items()})


def _codes(notices: Iterable[Notice]) -> str:
    return ", ".join(dict.fromkeys(notice.code for notice in notices))


def _headers(told: dict[str, str]) -> dict[str, str]:
    return {PREFIX + name: safe(value) for name, value in told.items() if value}


def safe(value: str) -> str:
    """A text that may stand in a header: what a provider calls its model is not ours to trust."""
    return _UNSAFE.sub("?", value)[:_CHARS_MAX]
