"""The process. The supervisor starts it by module name, with one end of a socket.

First message in: where to listen. First message out: where it listens, or why it cannot. When the socket closes, the
supervisor is gone or wants it gone: answers under way may finish, then it ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from contextlib import suppress
from pathlib import Path

from kruxos.launcher import linux
from kruxos.paths import http_socket
from kruxos.web.application import application
from kruxos.web.serving import LISTEN_BACKLOG, serve
from kruxos.web.site import Settings, Site
from kruxos.web.telemetry.running import telemetry

MESSAGE_BYTES_MAX = 16 * 1024


def main(channel_fd: int) -> None:
    """Runs until the supervisor closes its end."""
    supervisor = os.getppid()
    linux.set_name("kruxos-web")
    linux.forbid_dumps()  # agents' tokens pass through
    linux.die_with_parent()
    if os.getppid() != supervisor:
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.umask(0o177)
    end = socket.socket(fileno=channel_fd)
    settings = Settings.read(json.loads(end.recv(MESSAGE_BYTES_MAX)))
    try:
        listeners = _listeners(settings)
    except OSError as error:
        _tell(end, failed=f"cannot listen at {settings.host} port {settings.port}: {error.strerror}")
        return
    asyncio.run(_run(settings, listeners, end))


async def _run(settings: Settings, listeners: list[socket.socket], end: socket.socket) -> None:
    host, port = listeners[0].getsockname()[:2]
    site = Site(settings, port=port)
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    path = str(http_socket(settings.data)) if settings.enabled else None
    over = asyncio.Event()
    end.setblocking(False)  # noqa: FBT003 - the standard library's name for it
    asyncio.get_running_loop().add_reader(end, over.set)
    async with site, telemetry(site) as routes:
        app = application(site, routes)
        await serve(app, listeners, ready=lambda: _tell(end, address=address, socket=path), over=over)


def _listeners(settings: Settings) -> list[socket.socket]:
    """TCP first. Raises ``OSError``.

    For the dashboard alone any port will do where the usual one is taken; whoever enabled the doors wants theirs.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        tcp = socket.create_server((settings.host, settings.port), family=family, backlog=LISTEN_BACKLOG)
    except OSError:
        if settings.enabled:
            raise
        tcp = socket.create_server((settings.host, 0), family=family, backlog=LISTEN_BACKLOG)
    return [tcp, _unix(http_socket(settings.data))] if settings.enabled else [tcp]


def _unix(path: Path) -> socket.socket:
    if path.is_socket() and not path.is_symlink():
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen(LISTEN_BACKLOG)
    return listener


def _tell(end: socket.socket, **message: object) -> None:
    with suppress(OSError):
        end.send(json.dumps(message).encode())
