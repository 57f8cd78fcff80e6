"""What a door answers to a single question: all that operators' commands need of the protocol, so it stands apart."""

from __future__ import annotations

from kruxos import errors, framing, wire


def read_answer(answer: bytes) -> wire.Frame:
    """The one frame that answers a question at a door. Raises the error that it holds."""
    try:
        frame = framing.decode_message(answer)[0]
    except (errors.KruxosError, IndexError):
        raise errors.GatewayUnreachableError("what answers there does not speak the gateway's protocol") from None
    if isinstance(frame, wire.Error):
        raise errors.from_wire(frame.error)
    return frame
