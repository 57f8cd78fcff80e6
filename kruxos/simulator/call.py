"""One request on its way through a handler: who asks, at whose door, and how to say no there."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import Any, cast

from kruxos.dialects.text import parse_json
from kruxos.errors import BadRequestError

from .directives import NOTHING, Directive, parse
from .faults import Fault
from .limits import Meters
from .models import Gone, Sold
from .provider import Provider, Question, Refusal, Rule, first_refusal
from .steps import Asked, Headers, Response, whole
from .world import World

PATH_HEADER = ":path"
"""Where keys, rules and dialects find what a request says in its path."""
DIRECTIVE_HEADER = "x-simulate"
RULE_HEADER = "x-simulator-rule"
_REFUSING = ("status", "quota", "tool-failed", "html")
_PAGE = (
    b"<!DOCTYPE html>\n<html><head><title>%d</title></head>\n"
    b"<body><center><h1>%d</h1></center><hr><center>simulated proxy</center></body></html>\n"
)


class Refused(Exception):  # noqa: N818 - not an error of the simulator: the answer is a refusal
    """The request is answered with a refusal: ``detail`` names the rule or the fault."""

    def __init__(self, refusal: Refusal, detail: str, outcome: str = "refused") -> None:
        super().__init__(detail)
        self.refusal = refusal
        self.detail = detail
        self.outcome = outcome


class Page(Exception):  # noqa: N818 - as above
    """The request is answered with a page of HTML."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


@dataclass(slots=True)
class Call:
    """One request. ``values`` are the variable parts of its path; ``number`` counts requests."""

    world: World
    provider: Provider
    asked: Asked
    now: float
    number: int
    values: dict[str, str] = field(default_factory=dict[str, str])
    model: str = ""
    meters: Meters | None = None

    @property
    def request_id(self) -> str:
        """The id that the provider gives this request."""
        name = hashlib.sha256(f"{self.world.settings.seed} request {self.number}".encode())
        return self.provider.request_id(name.hexdigest())

    def question(self) -> Question:
        """The request as rules see it that need no body."""
        settings, headers = self.world.settings, self.asked.headers
        signer = self.world.signer if settings.checks_signatures else None
        headers = {**headers, PATH_HEADER: self.asked.target}
        key = self.provider.key(headers)
        return Question(self.asked.path, headers, len(self.asked.body), self.now, key, settings.key, signer)

    def pass_door(self) -> Question:
        """What needs no body: key, version, size. Raises ``Refused``."""
        question = self.question()
        self.judge(self.provider.door, question)
        return question

    def strike_early(self, directive: Directive) -> Fault | None:
        """The fault that the header asks for, else one that is on for all. Raises ``Refused``, ``Page``."""
        subject = hashlib.sha256(self.asked.body).digest()
        place = (self.provider.name, self.model)
        fault = self.strike(directive.fault, subject) or self.world.switches.strike_switched(place)
        self.refuse_by(fault)
        return fault

    def header_directive(self) -> Directive:
        """What the request's own header asks of the simulator. Raises ``Refused``."""
        return self.directive(self.asked.headers.get(DIRECTIVE_HEADER, ""))

    def directive(self, text: str) -> Directive:
        """A directive's words read. Raises ``Refused``."""
        try:
            return parse(text) if text else NOTHING
        except BadRequestError as error:
            raise Refused(self.provider.not_readable(str(error)), "directive") from None

    def strike(self, fault: Fault | None, subject: bytes) -> Fault | None:
        """The fault, if it strikes this request."""
        place = (self.provider.name, self.model)
        return fault if fault is not None and self.world.switches.strike(fault, place, subject) else None

    def judge(self, rules: tuple[Rule, ...], question: Question) -> None:
        """Raises ``Refused`` for the first rule that refuses."""
        found = first_refusal(rules, question)
        if found is not None:
            raise Refused(found[1], found[0].name)

    def refuse_by(self, fault: Fault | None) -> None:
        """Raises ``Refused`` or ``Page`` for a fault that leaves no answer."""
        if fault is None or fault.kind not in _REFUSING:
            return
        if fault.kind == "html":
            raise Page(fault.status)
        name = str(fault.status) if fault.kind == "status" else fault.kind
        other = replace(self.provider.failures["other"], status=fault.status or 500)
        words = self.provider.failures.get(name) or other
        refusal = words if fault.retry_after is None else replace(words, retry_after_s=fault.retry_after)
        raise Refused(refusal, fault.text, "fault")

    def body(self) -> dict[str, Any]:
        """The JSON object in the body. Raises ``Refused``."""
        try:
            value = parse_json(self.asked.body)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise Refused(self.provider.not_readable("the body is not a JSON object"), "body_not_json")
        return cast("dict[str, Any]", value)

    def find_model(self, name: str) -> Sold | Gone | None:
        """The model of this provider, today."""
        return self.world.shop.find(
            self.provider.catalogue or self.provider.name, name, self.now, dated=self.provider.sells_dated
        )

    def meter(self, question: Question) -> Meters:
        """What this key has left of this model, from now on told in headers."""
        self.meters = self.world.limiter.meters((self.provider.name, question.key or "", self.model), self.now)
        return self.meters

    def headers(self, *, with_limits: bool = True) -> Headers:
        """What every answer of the provider carries."""
        return self.provider.headers(self.request_id, self.meters if with_limits else None, self.now)

    def answered(self, body: bytes) -> Response:
        """A whole answer as JSON."""
        headers = (("content-type", "application/json"), *self.headers())
        return Response(whole(200, headers, body), model=self.model)

    def refused(self, refused: Refused) -> Response:
        """The provider's refusal as a response."""
        headers, body = self.provider.error(refused.refusal, self.request_id)
        rule = ((RULE_HEADER, refused.detail),) if refused.outcome == "refused" else ()
        with_limits = self.provider.tells_limits_always or refused.refusal.status == 429
        every = (*self.headers(with_limits=with_limits), *headers, *rule)
        steps = whole(refused.refusal.status, every, body)
        return Response(steps, refused.outcome, refused.detail, self.model)

    def page(self, status: int) -> Response:
        """A proxy's page as a response."""
        body = _PAGE % (status, status)
        return Response(whole(status, (("content-type", "text/html"),), body), "fault", "html", self.model)
