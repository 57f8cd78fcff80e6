"""The border: where agents and operators come in.

``base`` is the contract, ``nng`` the real transport and the only importer of pynng, ``memory`` its twin for tests and
simulation. One conformance suite judges both.
"""

from kruxos.transport.base import (
    AddressUnusableError,
    Door,
    DoorStatistics,
    Inbound,
    NobodyDialledError,
    Peer,
    PeerGoneError,
    ReturnAddress,
    Session,
    Transport,
)

__all__ = [
    "AddressUnusableError",
    "Door",
    "DoorStatistics",
    "Inbound",
    "NobodyDialledError",
    "Peer",
    "PeerGoneError",
    "ReturnAddress",
    "Session",
    "Transport",
]
