"""A small Secret Service on a session bus, as much of it as the package ``keyring`` uses. Run as a program.

``python secret_service.py unlocked|locked|absent``: with a default collection that is open, one that is locked, or
none. Says ``ready`` when it can be asked. Anything that would open a dialogue on a desktop ends it with an error.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

jeepney: Any = import_module("jeepney")  # it has no types
blocking: Any = import_module("jeepney.io.blocking")

DEFAULT = "/org/freedesktop/secrets/aliases/default"
NO_OBJECT = "org.freedesktop.DBus.Error.UnknownObject"


class Service:
    """Answers one method call at a time. Items are kept by their path as attributes and secret."""

    def __init__(self, state: str) -> None:
        self.state = state
        self.items: dict[str, tuple[dict[str, str], tuple[str, bytes, bytes, str]]] = {}

    def answer(self, path: str, member: str, body: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]] | str:
        """The reply's signature and body, or the name of an error."""
        match member:
            case "Get":
                return self.property(path, body[1])
            case "OpenSession":
                plain = body[0] == "plain"
                return ("vo", (("s", ""), "/session")) if plain else "org.freedesktop.DBus.Error.NotSupported"
            case "SearchItems":
                found = [at for at, (attributes, _) in self.items.items() if body[0].items() <= attributes.items()]
                return "ao", (found,)
            case "CreateItem":
                at = f"/item/{len(self.items)}"
                self.items[at] = (body[0]["org.freedesktop.Secret.Item.Attributes"][1], body[1])
                return "oo", (at, "/")
            case "GetSecret":
                return "(oayays)", (self.items[path][1],)
            case "Delete":
                del self.items[path]
                return "o", ("/",)
            case "Unlock" if self.state == "unlocked":  # keyring always asks, and what is open stays open
                return "aoo", (body[0], "/")
            case _:
                sys.exit(f"{member} would ask somebody")

    def property(self, path: str, name: str) -> tuple[str, tuple[Any, ...]] | str:
        if (path != DEFAULT and path not in self.items) or (path == DEFAULT and self.state == "absent"):
            return NO_OBJECT
        return ("v", (("b", self.state == "locked"),)) if name == "Locked" else ("v", (("s", "a label"),))


def main() -> None:
    """Serves until it is terminated."""
    service = Service(sys.argv[1])
    with blocking.open_dbus_connection() as bus:
        blocking.Proxy(jeepney.message_bus, bus).RequestName("org.freedesktop.secrets")
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            message = bus.receive()
            if message.header.message_type is jeepney.MessageType.method_call:
                fields = message.header.fields
                path, member = fields[jeepney.HeaderFields.path], fields[jeepney.HeaderFields.member]
                answer = service.answer(path, member, message.body)
                failed = isinstance(answer, str)
                bus.send(jeepney.new_error(message, answer) if failed else jeepney.new_method_return(message, *answer))


if __name__ == "__main__":
    main()
