"""Where a newcomer's trouble is played: a home, a simulated provider, a gateway if there is one."""

from __future__ import annotations

import shlex
from contextlib import ExitStack
from pathlib import Path

from kruxos.catalog import Model
from tests.cli.running import Done, Gateway, Kruxos
from tests.simulator.support import served
from tests.workers.http.certificates import Authority

KEY = "sk-made-up-0123456789abcdef"
PASSPHRASE = "a made-up passphrase"
SOLD = (Model("openai", "my-model", "of a server of one's own", "2026-01-01"),)


class Scene:
    """One trouble's world. Everything ends with ``close``."""

    def __init__(self, home: Path) -> None:
        self._stack = ExitStack()
        self.home = home
        self.kruxos = Kruxos(home / "data", home)
        self.url, self.simulator = self._stack.enter_context(served(models=SOLD, logins="approve"))
        self.gateway: Gateway | None = None

    def close(self) -> None:
        """Ends what runs."""
        self._stack.close()

    def models(self, text: str) -> None:
        """models.yaml; ``{url}`` is the provider's address."""
        self.kruxos.write_models(text.replace("{url}", self.url))

    def run(self, line: str, *, stdin: str = f"{KEY}\n", **environment: str) -> Done:
        """A command as it is typed."""
        name, *words = shlex.split(line.replace("{url}", self.url))
        assert name == "kruxos", line
        return self.kruxos(*words, stdin=stdin, **environment)

    def well(self, *lines: str, stdin: str = f"{KEY}\n") -> None:
        """Commands that must succeed."""
        for line in lines:
            done = self.run(line, stdin=stdin)
            assert done.code == 0, (line, done.said)

    def serve(self, *ready: str) -> Gateway:
        """A gateway, with these providers' workers ready."""
        self.gateway = self._stack.enter_context(Gateway(self.kruxos))
        self.gateway.wait_ready(*ready)
        return self.gateway

    def stop(self) -> None:
        """Ends the gateway."""
        assert self.gateway is not None
        assert self.gateway.stop() == 0

    def foreign_https(self) -> str:
        """The address of a server whose certificate an unknown authority has signed."""
        import socket
        import threading

        context = Authority(self.home).server_context("localhost")
        listener = self._stack.enter_context(socket.create_server(("127.0.0.1", 0)))

        def answer() -> None:
            while True:
                try:
                    stream, _ = listener.accept()
                except OSError:
                    return
                try:
                    context.wrap_socket(stream, server_side=True).close()
                except OSError:
                    stream.close()

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        self._stack.callback(thread.join)
        self._stack.callback(lambda: listener.shutdown(socket.SHUT_RDWR))
        return f"https://localhost:{listener.getsockname()[1]}"
