"""Batches as an agent has them: what it hands in becomes lines, lines become chunks, results become replies. No I/O.

``submission`` and ``reading`` are conversations with the gateway as generators: they give questions (a verb and its
arguments) and are sent the answers, so that both clients and the command line hold the same one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeAlias, TypedDict

import msgpack

from kruxos import wire
from kruxos.batch_results import with_base64
from kruxos.client.options import CallOptions, request_of
from kruxos.codec import encode_request
from kruxos.errors import BadRequestError

Question: TypeAlias = tuple[str, dict[str, Any]]
Conversation: TypeAlias = Generator[Question, dict[str, Any], dict[str, Any]]
Requests: TypeAlias = "str | os.PathLike[str] | Iterable[Mapping[str, Any]]"
"""A JSONL file, or requests one by one: lines in one of the three forms, or ``custom_id`` and options as of a call."""

FINAL = frozenset({"done", "cancelled", "expired", "failed", "refused"})
WAIT_EVERY_S = 5.0
_FORMS = ("request", "body", "params")


class BatchOptions(TypedDict, total=False):
    """``provider``, ``model`` and ``role`` as for a call. ``key``: the same batch again is this one, not another.

    ``own_models``: ``model`` only says who does it, and each line asks the model that it names itself.
    """

    provider: str | None
    model: str | None
    role: str | None
    key: str | None
    own_models: bool


@dataclass(slots=True)
class Batch:
    """A batch as it is now. Times are Unix seconds; ``age_s`` counts from its submission, against ``window_s``.

    ``advice`` says what to do where something is to be done. ``results_ready``: all results can be read.
    """

    id: str
    state: str
    agent: str = ""
    provider: str = ""
    model: str | None = None
    requests: int = 0
    succeeded: int = 0
    failed: int = 0
    created_at: float = 0.0
    submitted_at: float | None = None
    expires_at: float | None = None
    ended_at: float | None = None
    age_s: float | None = None
    window_s: float = 0.0
    received_bytes: int = 0
    cancel_wanted: bool = False
    code: str = ""
    problem: str = ""
    advice: str = ""
    labels: dict[str, str] = field(default_factory=dict[str, str])
    parts: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    results_ready: bool = False

    @classmethod
    def from_wire(cls, value: Mapping[str, Any]) -> Batch:
        """From the gateway's map; what a later version has put into it is left out."""
        return cls(**{each.name: value[each.name] for each in fields(cls) if each.name in value})

    @property
    def over(self) -> bool:
        """Whether nothing more will happen to it by itself."""
        return self.state in FINAL or self.state == "outcome_unknown"


def question(op: str, arguments: Mapping[str, Any]) -> wire.Open:
    """A verb as a frame."""
    return wire.Open(op=op, body=msgpack.packb(dict(arguments)))


def submission(requests: Requests, options: Mapping[str, Any]) -> Conversation:
    """Hands a batch in; the answer to its last question is the batch. With a ``key`` it may be begun again."""
    given = {name: value for name, value in options.items() if value is not None}
    unknown = given.keys() - BatchOptions.__annotations__.keys()
    if unknown:
        raise TypeError(f"a batch has no option {', '.join(sorted(unknown))}")
    begun = yield "batch.begin", given
    if begun["state"] == "receiving":
        offset = 0
        for chunk in chunks(lines_of(requests), begun["chunk_bytes_max"]):
            yield "batch.append", {"id": begun["id"], "offset": offset, "data": chunk}
            offset += len(chunk)
    return (yield "batch.submit", {"id": begun["id"]})


def lines_of(requests: Requests) -> Iterator[bytes]:
    """Lines with their ends. Raises ``BadRequestError``, ``OSError``."""
    if isinstance(requests, (str, os.PathLike)):
        with Path(requests).open("rb") as file:
            for line in file:
                yield line if line.endswith(b"\n") else line + b"\n"
        return
    for number, request in enumerate(requests, 1):
        try:
            yield json.dumps(_line(request), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        except (TypeError, ValueError, UnicodeEncodeError) as error:
            # Only the kind of error is told: its text may quote the prompt.
            raise BadRequestError(f"request {number} cannot be written as JSON ({type(error).__name__})") from None


def _line(request: Mapping[str, Any]) -> Mapping[str, Any]:
    if any(form in request for form in _FORMS):
        return request
    options: dict[str, Any] = {key: value for key, value in request.items() if value is not None}
    custom_id, model, prompt = options.pop("custom_id", None), options.pop("model", None), options.pop("prompt", None)
    unknown = options.keys() - CallOptions.__annotations__.keys()
    if unknown:
        raise BadRequestError(f"a request of a batch has no option {', '.join(sorted(unknown))}")
    line = {"custom_id": custom_id, "request": with_base64(encode_request(request_of(prompt, options)))}
    return line if model is None else line | {"model": model}


def chunks(lines: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The lines put together and cut into chunks of this size."""
    waiting = bytearray()
    for line in lines:
        waiting += line
        while len(waiting) >= size:
            yield bytes(waiting[:size])
            del waiting[:size]
    if waiting:
        yield bytes(waiting)


class ResultLines:
    """Chunks of results in, whole lines out."""

    __slots__ = ("_rest", "end", "offset")

    def __init__(self) -> None:
        self._rest = b""
        self.offset = 0
        self.end = False

    def take(self, answer: Mapping[str, Any]) -> list[bytes]:
        """The lines that this answer completes. ``end``: there is nothing more, for now or at all."""
        data: bytes = answer["data"]
        self.offset = answer["next_offset"]
        self.end = not data
        *lines, self._rest = (self._rest + data).split(b"\n")
        return lines
