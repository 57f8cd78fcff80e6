"""KruxOS model gateway: every model for every agent on a machine.

The names below are the public ones. They are loaded on first use, so that ``import kruxos`` costs an agent
nothing but this file: no pynng, trio, httpx or pydantic comes with it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from kruxos import errors, events, messages
    from kruxos.client import BlockingClient, Client
    from kruxos.errors import KruxosError
    from kruxos.events import (
        Notice,
        Reply,
        Restart,
        Start,
        State,
        TextDelta,
        ThinkingDelta,
        ToolCallBegin,
        ToolCallDelta,
        ToolCallEnd,
        Usage,
        UsageUpdate,
    )
    from kruxos.messages import (
        Document,
        Image,
        Message,
        ProviderState,
        Request,
        Text,
        Thinking,
        Tool,
        ToolCall,
        ToolResult,
    )

_HOME = {
    "kruxos.client": ("BlockingClient", "Client"),
    "kruxos.errors": ("KruxosError",),
    "kruxos.events": (
        "Notice",
        "Reply",
        "Restart",
        "Start",
        "State",
        "TextDelta",
        "ThinkingDelta",
        "ToolCallBegin",
        "ToolCallDelta",
        "ToolCallEnd",
        "Usage",
        "UsageUpdate",
    ),
    "kruxos.messages": (
        "Document",
        "Image",
        "Message",
        "ProviderState",
        "Request",
        "Text",
        "Thinking",
        "Tool",
        "ToolCall",
        "ToolResult",
    ),
}
_MODULES = ("errors", "events", "messages")
_WHERE = {name: home for home, names in _HOME.items() for name in names}

__all__ = [
    "BlockingClient",
    "Client",
    "Document",
    "Image",
    "KruxosError",
    "Message",
    "Notice",
    "ProviderState",
    "Reply",
    "Request",
    "Restart",
    "Start",
    "State",
    "Text",
    "TextDelta",
    "Thinking",
    "ThinkingDelta",
    "Tool",
    "ToolCall",
    "ToolCallBegin",
    "ToolCallDelta",
    "ToolCallEnd",
    "ToolResult",
    "Usage",
    "UsageUpdate",
    "__version__",
    "errors",
    "events",
    "messages",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"kruxos.{name}")
    if name not in _WHERE:
        raise AttributeError(f"module 'kruxos' has no attribute {name!r}")
    value = getattr(import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
