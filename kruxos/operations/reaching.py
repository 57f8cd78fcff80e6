"""Whether a provider's address takes connections: nothing is asked there, so nothing is paid.

Where models.yaml names a proxy, the way there is through it, and it is the proxy that is tried.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from kruxos.config.addresses import parse_address
from kruxos.config.model import Provider

CONNECT_WITHIN_S = 5.0
AT_ONCE_MAX = 8


def unreachable(providers: Sequence[Provider]) -> dict[str, str]:
    """Why each provider cannot be connected to, by name; empty text where it can. Waits: not for an event loop."""
    if not providers:
        return {}
    with ThreadPoolExecutor(min(AT_ONCE_MAX, len(providers))) as threads:
        return dict(zip((each.name for each in providers), threads.map(_try, providers), strict=True))


def _try(provider: Provider) -> str:
    address = parse_address(provider.proxy or provider.base_url)
    whose = "its proxy " if provider.proxy else ""
    try:
        socket.create_connection((address.host.strip("[]"), address.port), timeout=CONNECT_WITHIN_S).close()
    except TimeoutError:
        return f"{whose}{address.host} port {address.port} did not answer within {CONNECT_WITHIN_S:.0f} s"
    except OSError as error:
        return f"no connection to {whose}{address.host} port {address.port}: {(error.strerror or 'failed').lower()}"
    return ""
