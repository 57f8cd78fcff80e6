"""A worker's HTTP client: one provider's origin, HTTP/1.1, every failure typed.

Reading order: ``failures.py`` (how it can go wrong), ``client.py`` (the face), ``connection.py`` and ``parsing.py``
(one exchange), ``pool.py``, ``opening.py`` (proxy and TLS), ``network.py`` and what implements it.
"""

from .answer import Answer
from .client import ClientLimits, ProviderClient
from .dialing import Resolve, TrioNetwork
from .failures import BodyFailure, BodyKind, SendFailure, SendKind
from .network import Network, Stream
from .origin import Proxy, proxy_from_url
from .pool import PoolLimits, PoolStatistics
from .request import StreamedBody
from .timing import TimeLimit, Timing
from .trust import system_roots, warm_up_tls

__all__ = [
    "Answer",
    "BodyFailure",
    "BodyKind",
    "ClientLimits",
    "Network",
    "PoolLimits",
    "PoolStatistics",
    "ProviderClient",
    "Proxy",
    "Resolve",
    "SendFailure",
    "SendKind",
    "Stream",
    "StreamedBody",
    "TimeLimit",
    "Timing",
    "TrioNetwork",
    "proxy_from_url",
    "system_roots",
    "warm_up_tls",
]
