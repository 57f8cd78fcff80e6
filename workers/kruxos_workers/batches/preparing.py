"""An agent's lines become the provider's: read, checked, encoded, counted, cut into parts. Nothing is paid here.

Beside the prepared lines stands a file of ``lines``: for each, the agent's name for it, the model that is asked, what
was changed for it, and how tools were renamed. Results are told by it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from kruxos import catalog
from kruxos.checks import check_request
from kruxos.dialects.base import EncodedRequest, Target
from kruxos.dialects.batching import BatchDialect, Cutter, dump, line_name
from kruxos.errors import BadRequestError, KruxosError, TooLargeError
from kruxos.events import Notice
from kruxos.messages import Request
from kruxos_workers.batches.lines import read_line
from kruxos_workers.batches.spool import Spool
from kruxos_workers.worker import Worker

ERRORS_MAX = 20
REQUESTS_MAX = 200_000
DEFAULT_MODEL = "default"
"""A line that asks for this one leaves it to the provider, as a call at the doors does."""
_BETAS = "anthropic-beta"


@dataclass(slots=True)
class Preparing:
    """One batch's input. ``marker`` names it at the provider, ``model`` is the one that its owner wants, if any."""

    worker: Worker
    ways: BatchDialect
    spool: Spool
    marker: str
    model: str | None
    _names: set[str] = field(default_factory=set[str])
    _errors: list[str] = field(default_factory=list[str])
    _betas: set[str] = field(default_factory=set[str])
    _models: dict[str, int] = field(default_factory=dict[str, int])
    _places: int = 0
    _output_tokens: int | None = 0
    """What all requests together allow for their answers; None where one does not say."""

    async def run(self) -> dict[str, Any]:
        """Writes both files; gives what came of it: parts, model, headers. Raises ``BadRequestError`` with lines."""
        cutter, number, wrong = Cutter(self.ways.bounds), 0, 0
        async for data in self.spool.lines("input"):
            number += 1
            if not data.strip():
                continue
            try:
                prepared, told = self._line(data, number)
            except KruxosError as error:
                wrong += 1
                if wrong <= ERRORS_MAX:
                    self._errors.append(f"line {number}: {error.message}")
                continue
            cutter.add(len(prepared))
            await self.spool.write("prepared", prepared)
            await self.spool.write("lines", told)
        await self.spool.flush()
        self._check(wrong)
        return {
            "parts": [list(piece) for piece in cutter.finish()],
            "model": next(iter(self._models)),
            "models": list(self._models),
            "output_tokens": self._output_tokens or 0,
            "uploads": self.ways.upload is not None,
            "headers": {_BETAS: ",".join(sorted(self._betas))} if self._betas else {},
        }

    def _check(self, wrong: int) -> None:
        if wrong:
            more = f"\n... and {wrong - ERRORS_MAX} more" if wrong > ERRORS_MAX else ""
            raise BadRequestError("the batch has lines that cannot be sent:\n" + "\n".join(self._errors) + more)
        if not self._places:
            raise BadRequestError("the batch is empty: a line of JSON for each request is wanted")

    def _line(self, data: bytes, number: int) -> tuple[bytes, bytes]:
        line = read_line(data)
        if line.custom_id in self._names:
            raise BadRequestError("custom_id is there twice", field="custom_id")
        if self._places >= REQUESTS_MAX:
            raise TooLargeError(f"over {REQUESTS_MAX} requests: submit them as several batches")
        check_request(line.request)
        model, request, notices = self._model(line.request, line.model)
        encoded = self._encode(request, model)
        prepared = self.ways.line(line_name(self.marker, self._places), encoded) + b"\n"
        if len(prepared) > self.ways.bounds.bytes_max:
            raise TooLargeError(f"one request of {len(prepared)} bytes is more than the provider takes in a batch")
        self._note_model(model, number)
        self._note_length(request.max_output_tokens)
        self._names.add(line.custom_id)
        self._places += 1
        return prepared, self._about(line.custom_id, model, notices, encoded)

    def _note_model(self, model: str, number: int) -> None:
        self._models.setdefault(model, number)
        if self.ways.one_model and len(self._models) > 1:
            del self._models[model]
            name, line = next(iter(self._models.items()))
            provider = self.worker.settings.provider
            raise BadRequestError(
                f"{provider} takes one model a batch: this is {model}, line {line} asks {name}; submit them apart,"
                " or name one model for all", field="model")  # fmt: skip

    def _note_length(self, tokens: int | None) -> None:
        known = self._output_tokens
        self._output_tokens = None if tokens is None or known is None else known + tokens

    def _model(self, request: Request, named: str | None) -> tuple[str, Request, list[Notice]]:
        """The model that is asked; who submits may name one for all, a retired one's successor is told."""
        settings, notices = self.worker.settings, list[Notice]()
        named = self._own(named)
        model = self.model or named or settings.model
        if not model:
            raise BadRequestError(f"{settings.provider} has no model set: name one", field="model")
        if named is not None and named != model:
            notices.append(Notice("model_changed", f"the batch asks {model}, whatever its lines name"))
        instead = settings.shelf.replacement(model, catalog.day_of(self.worker.now()))
        if instead is None:
            return model, request, notices
        if settings.refuses_retired:
            raise BadRequestError(f"{model} {instead.why}; use {instead.new}", field="model")
        data = {"old": model, "new": instead.new, "why": instead.why, "since": instead.since}
        return instead.new, request, [*notices, Notice("model_replaced", instead.message, data)]

    def _own(self, named: str | None) -> str | None:
        """A model's id, where a line names it as calls may: by its provider, or by both."""
        settings = self.worker.settings
        if named in (settings.provider, DEFAULT_MODEL):
            return settings.model
        return None if named is None else named.removeprefix(f"{settings.provider}/")

    def _encode(self, request: Request, model: str) -> EncodedRequest:
        settings = self.worker.settings
        target = Target(
            provider=settings.provider, model=model, profile=settings.profile, origin=settings.origin, stream=False,
            shelf=settings.shelf, now=self.worker.now(),
        )  # fmt: skip
        encoded = settings.dialect.encode_request(request, target)
        unknown = [Notice("parameter_dropped", f"{path} is not known and was ignored") for path in request.unknown]
        betas = encoded.http.headers.get(_BETAS, "")
        self._betas.update(beta.strip() for beta in betas.split(",") if beta.strip())
        return replace(encoded, notices=[*unknown, *encoded.notices])

    @staticmethod
    def _about(custom_id: str, model: str, notices: list[Notice], encoded: EncodedRequest) -> bytes:
        more: dict[str, Any] = {"model": model}
        if told := [*notices, *encoded.notices]:
            more["notices"] = [asdict(notice) for notice in told]
        if encoded.tool_names:
            more["tool_names"] = encoded.tool_names
        return b"[%b,%b]\n" % (dump(custom_id), dump(more))


@dataclass(frozen=True, slots=True)
class About:
    """What is known of one line beside its request."""

    custom_id: str
    more: dict[str, Any]


async def read_about(spool: Spool) -> list[About]:
    """The file of ``lines``. What many lines share is kept once."""
    found: list[About] = []
    shared: dict[str, dict[str, Any]] = {}
    async for line in spool.lines("lines"):
        custom_id, more = json.loads(line)
        key = json.dumps(more, sort_keys=True)
        found.append(About(custom_id, shared.setdefault(key, more)))
    return found
