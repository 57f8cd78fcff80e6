"""What compaction does to generated histories at every provider, judged by the simulator's own rules.

``python -m tests.economy.compaction [COUNT [PROVIDER ...]]`` prints a table. A history grows from call to call, as an
agent's does that always sends all of it; in between its worker may crash (a successor knows what was handed over, or
only that there was something) and the conversation may move to another provider. Counted are requests that a
provider's rules refuse, calls torn from their results, requests over the window, and prefixes that were paid for more
than once. Windows are drawn small, so that histories need not be huge: what a request holds is counted as the
simulator counts it. Before a history each of the two providers has answered one request of some thousand tokens, as
those that grow have.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from kruxos.checks import check_request
from kruxos.dialects.base import Target
from kruxos.dialects.profiles import PROFILES
from kruxos.dialects.registry import DIALECTS
from kruxos.events import Assembler
from kruxos.messages import (
    Document,
    Image,
    Message,
    Part,
    ProviderState,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)
from kruxos.simulator.bases import CODEX_BASE_PATH
from kruxos.simulator.codex.accounts import ACCOUNT_ID
from kruxos.simulator.tokens import count_request
from kruxos.simulator.world import World
from kruxos_workers.compaction import Compactor, Length, Needed, Ready, Wish
from kruxos_workers.compaction.summaries import digests_of
from kruxos_workers.compaction.templates import TEMPLATES
from kruxos_workers.estimate import LONG_TOKENS, Corrections, estimate_range, estimate_tokens
from tests.simulator.support import NOW, Answer, send, world
from tests.simulator.targets import BASES, CHAT, SPOKEN
from tests.simulator.test_logins import signed_in

CODEX = "openai-codex"
GENERIC = "generic"
MODELS = {
    "anthropic": "claude-haiku-4-5-20251001", "openai": "gpt-5.4", CHAT: "gpt-4o", CODEX: "gpt-5.4", GENERIC: "gpt-4o",
    "gemini": "gemini-3.8-flash", "deepseek": "deepseek-flash", "glm": "glm-5.3-flash", "grok": "grok-4.3",
    "mistral": "mistral-large-latest", "groq": "qwen/qwen3.8-27b", "openrouter": "anthropic/claude-sonnet-4-6",
    "ollama": "qwen3",
}  # fmt: skip
CALLS = 6
UNBOUNDED = 10**9
COUNT = 200
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
WORDS = ("the", "file", "returns", "an", "error", "when", "server", "has", "no", "route", "Größe", "漢字", "0x1f", "{}")
TOOLS = [
    Tool("read_file", "Reads a file.", {"type": "object", "properties": {"path": {"type": "string"}}}),
    Tool("run", "Runs a command.", {"type": "object", "properties": {"command": {"type": "string"}}}),
]


@dataclass
class Score:
    """What was counted over some histories. ``again`` are second payments that a crash or a move explains."""

    histories: int = 0
    requests: int = 0
    summaries: int = 0
    reused: int = 0
    rejected: int = 0
    broken: int = 0
    exceeded: int = 0
    twice: int = 0
    crashes: int = 0
    moves: int = 0
    again: int = 0
    uncompacted: int = 0
    why: Counter[str] = field(default_factory=Counter[str])


@dataclass
class Author:
    """Writes one history, from a seed."""

    random: Random
    origin: str
    model: str
    world: World
    calls: int = 0

    def words(self, low: int, high: int) -> str:
        return " ".join(self.random.choices(WORDS, k=self.random.randint(low, high)))

    def user(self) -> Message:
        parts: list[Part] = [Text(self.words(5, 300))]
        if self.random.random() < 0.15:
            parts.append(Image(PNG, "image/png"))
        if self.random.random() < 0.1:
            parts.append(Document(text=self.words(50, 400), name="notes.txt"))
        return Message("user", parts)

    def turn(self) -> Iterator[Message]:
        """A question, some rounds of calls and results, and mostly an answer."""
        if self.random.random() < 0.05:
            yield Message.of("system", self.words(3, 10))
        yield self.user()
        for _ in range(self.random.choice((0, 1, 1, 2, 6))):
            yield from self._round()
        yield Message("assistant", [*self._thoughts(), Text(self.words(5, 120))])

    def _round(self) -> Iterator[Message]:
        calls: list[ToolCall] = []
        for _ in range(self.random.choice((1, 1, 1, 2, 3))):
            self.calls += 1
            name = self.random.choice(TOOLS).name
            calls.append(ToolCall(f"call_{self.calls}", name, arguments={"path": self.words(1, 3)}))
        words: list[Part] = [Text(self.words(2, 30))] if self.random.random() < 0.5 else []
        yield Message("assistant", [*self._thoughts(), *words, *calls])
        results: list[Part] = [
            ToolResult(call.id, self.words(5, 500), self.random.random() < 0.1, call.name)
            for call in self.random.sample(calls, len(calls))
        ]
        if self.random.random() < 0.5:
            yield from (Message("tool", [result]) for result in results)
        else:
            yield Message("user", results)

    def _thoughts(self) -> list[Part]:
        if self.random.random() < 0.6:
            return []
        text = self.words(3, 20)
        signature = self.world.signer.sign(text, self.random.randint(0, 9))
        return [Thinking(text, ProviderState(self.origin, self.model, "signature", signature))]


@dataclass
class Place:
    """One provider with its worker's knowledge."""

    name: str
    world: World
    login: str
    compactor: Compactor = field(default_factory=Compactor)
    corrections: Corrections = field(default_factory=Corrections)

    @property
    def model(self) -> str:
        return MODELS[self.name]

    def target(self) -> Target:
        row = SPOKEN[self.name] if self.name in SPOKEN else PROFILES[self.name]
        return Target("p", self.model, row, row.name, stream=False, now=NOW)

    def ask(self, request: Request) -> tuple[Answer, Request, str]:
        """The answer; what arrived, as the simulator reads it; and the answer's text."""
        target = self.target()
        row, dialect = target.profile, DIALECTS[target.profile.dialect]
        encoded = dialect.encode_request(request, target)
        http = encoded.http
        key = {row.auth: "some-key"} if row.auth != "bearer" else {"authorization": "Bearer some-key"}
        base = BASES.get(self.name, "/v1")
        if self.name == CODEX:
            base, key = CODEX_BASE_PATH, {"authorization": f"Bearer {self.login}", "chatgpt-account-id": ACCOUNT_ID}
        answer = send(self.world, base + http.path, http.body, headers=http.headers | key)
        arrived = dialect.decode_request(http.body, http.headers).request
        decoder, assembler = dialect.decoder(target, encoded, answer.headers.get("content-type", "")), Assembler()
        for event in [*decoder.feed(answer.body), *decoder.finish()]:
            assembler.feed(event)
        return answer, arrived, "".join(part.text for part in assembler.parts() if isinstance(part, Text))


@dataclass
class Trial:
    """One history at one provider."""

    seed: int
    place: Place
    elsewhere: Place
    score: Score
    paid: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """By provider, the hashes of the prefixes that were paid for."""

    def run(self) -> None:
        random = Random(self.seed)
        place = self.place
        author = Author(random, place.target().origin, place.model, place.world)
        window = random.choice((6_000, 12_000, 24_000))
        wish = Wish(template=random.choice(list(TEMPLATES)))
        messages = [Message.of("system", author.words(5, 60))] if random.random() < 0.8 else []
        self.score.histories += 1
        while _tokens(messages) < 3 * LONG_TOKENS:
            messages += author.turn()
        for each in (place, self.elsewhere):  # what is learned of a model's tokens
            self._send(each, Request(list(messages), tools=TOOLS), UNBOUNDED)
        while _tokens(messages) < window * random.uniform(0.6, 1.6):
            messages += author.turn()
        for _ in range(CALLS):
            messages.append(author.user())
            place = self._misfortune(random, place)
            self._call(place, Request(list(messages), tools=TOOLS), window, wish)
            messages.append(Message.of("assistant", author.words(5, 80)))
            for _ in range(random.randint(0, 3)):
                messages += author.turn()

    def _misfortune(self, random: Random, place: Place) -> Place:
        chance = random.random()
        if chance < 0.05:
            self.score.crashes += 1
            state = place.compactor.summaries.state()
            if random.random() < 0.5:
                state = {"kept": [], "lost": [each["digest"] for each in state["kept"]]}
            place.compactor = Compactor()
            place.compactor.restore(state)
        elif chance < 0.1:
            self.score.moves += 1
            return self.elsewhere if place is self.place else self.place
        return place

    def _call(self, place: Place, request: Request, window: int, wish: Wish) -> None:
        check_request(request)
        estimate, most = estimate_range(request, place.model)
        known = place.corrections
        length = Length(place.model, most, window, known.long_ratio(place.model), known.caution(place.model, estimate))
        decided = place.compactor.decide(request, length, wish, "agent")
        if isinstance(decided, Needed):
            decided = self._pay(place, decided, window)
        else:
            self.score.reused += decided.notice is not None and decided.notice.code == "compacted"
        self.score.uncompacted += decided.notice is not None and decided.notice.code == "not_compacted"
        self._check_pairs(decided.request)
        self._send(place, decided.request, window)

    def _pay(self, place: Place, needed: Needed, window: int) -> Ready:
        self.score.summaries += 1
        here, elsewhere = (
            self.paid[place.name],
            self.paid[self.elsewhere.name if place is self.place else self.place.name],
        )
        begun = set(digests_of("agent", needed.request.messages))
        if needed.digest in here or (begun & here and needed.older is None):
            self.score.again += needed.lost
            self.score.twice += not needed.lost
        elif begun & elsewhere:
            self.score.again += 1
        here.add(needed.digest)
        text = self._send(place, needed.ask, window)
        return place.compactor.settle(needed, text)

    def _send(self, place: Place, request: Request, window: int) -> str:
        self.score.requests += 1
        answer, arrived, text = place.ask(request)
        if answer.status != 200:
            self.score.rejected += 1
            self.score.why[f"{place.name}: {answer.rule}: {answer.body[:120]!r}"] += 1
            return "nothing"
        real = count_request(arrived)
        if real > window:
            self.score.exceeded += 1
            self.score.why[f"{place.name}, history {self.seed}: {real} tokens over {window}"] += 1
        place.corrections.learn(place.model, "", estimate_tokens(request, place.model), real)
        return text or "nothing"

    def _check_pairs(self, request: Request) -> None:
        calls = [part.id for each in request.messages for part in each.parts if isinstance(part, ToolCall)]
        results = [part.id for each in request.messages for part in each.parts if isinstance(part, ToolResult)]
        self.score.broken += sorted(calls) != sorted(results)


def _tokens(messages: list[Message]) -> int:
    return count_request(Request(messages, tools=TOOLS))


def run(name: str, seeds: range) -> Score:
    """Some histories at one provider."""
    score = Score()
    here = world()
    login = signed_in(here)["access_token"] if CODEX in (name, _other(name)) else ""
    for seed in seeds:
        Trial(seed, Place(name, here, login), Place(_other(name), here, login), score).run()
    return score


def _other(name: str) -> str:
    """Where a conversation of a provider moves to."""
    names = list(MODELS)
    return names[(names.index(name) + 1) % len(names)]


COLUMNS = (
    "histories", "requests", "summaries", "reused", "rejected", "broken", "exceeded", "twice", "crashes", "moves",
    "again", "uncompacted",
)  # fmt: skip


def main(count: int, names: Sequence[str]) -> None:
    print(f"{'provider':14}" + "".join(f"{column:>12}" for column in COLUMNS))  # noqa: T201
    for name in names or MODELS:
        score = run(name, range(count))
        print(f"{name:14}" + "".join(f"{getattr(score, column):>12}" for column in COLUMNS), flush=True)  # noqa: T201
        for why, times in score.why.most_common(5):
            print(f"    {times} x {why}")  # noqa: T201


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT, sys.argv[2:])
