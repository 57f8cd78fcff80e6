"""How attempts end without an answer."""

from __future__ import annotations

from kruxos import wire
from kruxos.errors import KruxosError


class FailedExchange(Exception):  # noqa: N818 - not an error of ours, the way an attempt ends
    """The attempt ends with this error; ``failure`` says what the provider may have done.

    ``raw``: the error in the provider's own words, for an agent that speaks its protocol.
    """

    def __init__(self, failure: str, error: KruxosError, raw: bytes = b"") -> None:
        super().__init__(error.code)
        self.failure, self.error, self.raw = failure, error, raw


class FailedStep(Exception):  # noqa: N818 - not an error of ours, the way an attempt ends
    """A step before the answer failed: ``frame`` is the attempt's last one, with what was used."""

    def __init__(self, frame: wire.Error) -> None:
        super().__init__(str(frame.error.get("code")))
        self.frame = frame
