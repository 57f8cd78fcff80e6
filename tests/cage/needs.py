"""What a worker has to be able to do in its cage."""

from __future__ import annotations

import importlib
import os
import secrets
import socket
import ssl
import sys
import threading
import traceback
from datetime import UTC, datetime

import trio  # what it imports wants a directory for temporary files, so that workers too have it from their launcher


def import_late(name: str) -> bool:
    assert name not in sys.modules
    return importlib.import_module(name) is sys.modules[name]


def describe_failure() -> str:
    """A traceback with the line of source that failed."""
    try:
        raise ValueError("in the cage")
    except ValueError:
        return traceback.format_exc()


def log(words: str) -> int:
    sys.stderr.write(words + "\n")
    sys.stderr.flush()
    return os.write(1, b"and by descriptor\n")


def time_of_day(zone: str) -> int:
    from zoneinfo import ZoneInfo

    return datetime(2026, 7, 1, 12, tzinfo=UTC).astimezone(ZoneInfo(zone)).hour


def chance() -> int:
    return len(secrets.token_bytes(16) + os.getrandom(16))


def count_threads(many: int) -> int:
    done: list[int] = []
    threads = [threading.Thread(target=done.append, args=(number,)) for number in range(many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(done)


def run_trio() -> list[int]:
    """An event loop, with work on its threads."""

    async def work() -> list[int]:
        found: list[int] = []
        with trio.move_on_after(20):
            async with trio.open_nursery() as nursery:
                for number in range(3):
                    nursery.start_soon(_append, found, number)
        return sorted(found)

    async def _append(found: list[int], number: int) -> None:
        found.append(await trio.to_thread.run_sync(lambda: number * number))

    return trio.run(work)


def trusted_certificates() -> int:
    """How many the system's store holds, by OpenSSL's own reading, or certifi's."""
    import certifi

    context = ssl.create_default_context()
    if not context.get_ca_certs():
        context.load_verify_locations(certifi.where())
    return len(context.get_ca_certs())


def talk_tls(port: int, trusted: str) -> str:
    """What a server under a certificate says."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=trusted)
    plain = socket.create_connection(("127.0.0.1", port), 10)
    with context.wrap_socket(plain, server_hostname="localhost") as secure:
        return secure.recv(100).decode()


def signal_itself() -> bool:
    """An abort of the C library, and Python's faults, end the process by a signal to itself."""
    os.kill(os.getpid(), 0)
    threading.get_native_id()
    return True
