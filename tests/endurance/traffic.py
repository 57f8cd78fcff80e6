"""Every recorded exchange of the dialects that are here, served as recorded bytes, and what the agent made of it.

One gateway, a provider for each profile; the recorded answer is chosen by a word in the prompt. An answer that was
recorded as a stream is asked for as one. Providers that were told to wait would not be asked again, so exchanges with
such a status have a provider each.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from kruxos import BlockingClient, Reply
from kruxos.dialects.base import Decoder
from kruxos.errors import KruxosError
from kruxos.events import Event, State, TextDelta, ThinkingDelta, ToolCallBegin, ToolCallDelta
from kruxos.messages import ProviderState, Text, Thinking, ToolCall
from tests.dialects import traffic
from tests.endurance.figures import Figures
from tests.service.replaying import replaying
from tests.service.running import Installation
from tests.shared import exchanges_of

AT_A_TIME = 8
WIRES = ("messages", "chat")
"""The dialects whose answers come in one shape for every provider: one server stands for all of them."""
NOT_ON_THE_WIRE = ("stop_detail", "refusal")
"""What a decoder knows and the protocol of agents does not carry."""
COOLING_STATUSES = (408, 429, 500, 502, 503, 504, 529)


@dataclass
class Served:
    """How the exchanges came through: counts, and by id what was wrong."""

    streamed: int = 0
    whole: int = 0
    errors: int = 0
    wrong: dict[str, Any] = field(default_factory=dict)
    asked_more_than_once: list[str] = field(default_factory=list)
    """Those that no error gave a reason to ask again."""


def served(home: Path) -> Served:
    """Asks for every exchange once, through a gateway of its own."""
    chosen = {name: both for name, both in exchanges_of(*WIRES).items() if _is_generation(*both)}
    found = Served()
    with replaying({name: recorded for name, (recorded, _) in chosen.items()}) as upstream:
        providers = {name: _provider(name, *both) for name, both in chosen.items()}
        installation = Installation.make(home, "".join(_models(upstream.root, set(providers.values()))))
        with installation.serving(), installation.client() as client:
            installation.wait_ready(*{name for name, _, _ in providers.values()})
            with ThreadPoolExecutor(AT_A_TIME) as threads:
                asked = {
                    name: threads.submit(_ask, client, providers[name][0], name, recorded)
                    for name, (recorded, _) in chosen.items()
                }
            for name, answer in asked.items():
                _judge(found, name, *chosen[name], answer.result())
        asked_again = {name for name, times in upstream.served.items() if times > 1}
        found.asked_more_than_once = [name for name in asked_again if chosen[name][1]["error"] is None]
    return found


def tell(found: Served) -> str:
    """One line."""
    every = found.streamed + found.whole
    return (
        f"traffic end to end: {every} exchanges, {found.streamed} streamed, {found.whole} whole, of these "
        f"{found.errors} that end in an error; {len(found.wrong)} wrong"
    )


def _is_generation(recorded: dict[str, Any], expected: dict[str, Any]) -> bool:
    return str(recorded["request"].get("method", "POST")) != "GET"


def _provider(name: str, recorded: dict[str, Any], expected: dict[str, Any]) -> tuple[str, str, str]:
    """Name, type and profile of the provider that serves an exchange."""
    profile = traffic.target_of(recorded, expected["wire"]).profile.name
    kind = "anthropic" if expected["wire"] == "messages" else "openai"
    own = f"-{name.lower()}" if recorded["response"]["status"] in COOLING_STATUSES else ""
    return f"{profile}{own}", kind, profile


def _models(root: str, providers: set[tuple[str, str, str]]) -> Iterator[str]:
    yield "providers:\n"
    for name, kind, profile in sorted(providers):
        base = root if kind == "anthropic" else f"{root}/v1"
        yield f"  {name}: {{type: {kind}, profile: {profile}, base_url: '{base}', auth: none, model: some-model}}\n"


@dataclass
class _Answer:
    """What the agent has: a reply or an error, and the events that came where it was a stream."""

    events: list[Event] = field(default_factory=list)
    reply: Reply | None = None
    error: KruxosError | None = None


def _ask(client: BlockingClient, provider: str, name: str, recorded: dict[str, Any]) -> _Answer:
    answer = _Answer()
    prompt, options = f"exchange:{name}", {"provider": provider, "fallback": "none"}
    options["model"] = traffic.target_of(recorded, "messages").model or provider
    try:
        if recorded["response"]["stream"]:
            with client.stream(prompt, **cast("Any", options)) as stream:
                answer.events += stream
                answer.reply = stream.reply()
        else:
            answer.reply = client.chat(prompt, **cast("Any", options))
    except KruxosError as error:
        answer.error = error
    return answer


def _judge(found: Served, name: str, recorded: dict[str, Any], expected: dict[str, Any], answer: _Answer) -> None:
    found.streamed += bool(recorded["response"]["stream"])
    found.whole += not recorded["response"]["stream"]
    found.errors += answer.error is not None
    differences = _differences(answer, expected)
    if differences:
        found.wrong[name] = differences


def _differences(answer: _Answer, expected: dict[str, Any]) -> dict[str, Any]:
    reply, error = answer.reply, answer.error
    heard = reply if reply is not None else error.reply if error is not None else None
    ending = reply and SimpleNamespace(raw_finish_reason=reply.raw_finish_reason, stop_detail=None, refusal=None)
    decoder = SimpleNamespace(ending=ending, usage=None if heard is None else heard.usage)
    events = answer.events or ([] if heard is None else list(_events_of(heard)))
    found = traffic.mismatches(traffic.Outcome(events, cast("Decoder", decoder), error), expected)
    return {name: both for name, both in found.items() if name not in NOT_ON_THE_WIRE}


def _events_of(reply: Reply) -> Iterator[Event]:
    """An answer's parts as events again: the comparison reads those."""
    for index, part in enumerate(reply.parts):
        state = part if isinstance(part, ProviderState) else getattr(part, "state", None)
        match part:
            case Text():
                yield TextDelta(index, part.text)
            case Thinking():
                yield ThinkingDelta(index, part.text)
            case ToolCall():
                yield from (ToolCallBegin(index, part.id, part.name), ToolCallDelta(index, part.arguments_json))
            case _:
                pass
        if state is not None:
            yield State(index, state.origin, state.model, state.kind, state.data)


def traffic_figures(count: int, home: Path) -> Figures:
    """``count`` rounds."""
    figures = Figures(f"recorded traffic x{count}")
    for number in range(count):
        place = home / str(number)
        place.mkdir()
        found = served(place)
        figures.tell(tell(found))
        figures.at_most("answers that came through wrong", len(found.wrong))
        figures.at_most("answers that were asked for twice", len(found.asked_more_than_once))
    return figures
