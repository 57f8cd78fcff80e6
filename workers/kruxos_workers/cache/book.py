"""Which prefixes are probably kept, and what a conversation's past says of its next call.

    a request leaves     its levels' ends are looked up: known ones tell a gap, changed ones that they were lost
    its answer came      what it read was kept, and is again from when the request began; what it wrote is kept now

A conversation is the agent's name for it, else the agent and its first message. Kept prefixes are the provider's, not
a conversation's: agents whose requests begin alike share them. A prefix written behind another lives no longer than
that one. All is bounded; what is used least goes first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

from .placement import LEVELS, Kept, Marks, reach
from .prefix import Chain, Level
from .rhythm import LIFETIMES_S, Chances, Guess, Rhythm

PREFIXES_MAX = 1024
CONVERSATIONS_MAX = 256
AGENTS_MAX = 128
MESSAGES_MAX = 512
"""How many messages of a conversation are known one by one, to name the one that changed."""
PREFIXES_TOLD_MAX = 256
CONVERSATIONS_TOLD_MAX = 128
_GUESSES: Mapping[bool, Guess] = {
    False: Guess(gap_s=120.0, lost=0.2, weight=2.0, calls=2.0, more=1.5),
    True: Guess(gap_s=60.0, lost=0.05, weight=2.0, calls=20.0),
}
"""By whether the call is autonomous."""
_HALF = 0.5
_CERTAIN = 5.0
"""What an observation is worth that explains itself: a system prompt with a clock changes each time."""


@dataclass(slots=True)
class Prefix:
    """A beginning of requests. ``at``: when it was last sent; kept until ``until``, written for ``ttl``.

    ``behind``: the prefix that it was written behind, and is not kept without.
    """

    level: Level
    at: float
    until: float = 0.0
    ttl: str = ""
    tokens: int = 0
    behind: bytes | None = None


@dataclass(slots=True)
class Conversation:
    """The last request of a conversation, and how much of it was kept, until when."""

    model: str
    at: float
    tools: bytes = b""
    system: bytes = b""
    plain_system: bytes = b""
    messages: tuple[bytes, ...] = ()
    kept_tokens: int = 0
    until: float = 0.0
    is_continued: bool = False
    rhythm: Rhythm = field(default_factory=Rhythm)


@dataclass(slots=True)
class Habits:
    """An agent's own: its rhythm by level, its last prefixes, how many conversations go on after their first call."""

    rhythms: dict[Level, Rhythm] = field(default_factory=lambda: {level: Rhythm() for level in LEVELS})
    last: dict[Level, bytes] = field(default_factory=dict[Level, bytes])
    begun: int = 0
    continued: int = 0


@dataclass(frozen=True, slots=True)
class Sight:
    """A request beside what is known: its conversation as it was before, its chances, what of it is kept where."""

    key: str
    before: Conversation | None
    chances: dict[Level, Chances]
    kept: dict[int, Kept]


@dataclass(slots=True)
class Book:
    """All that is known of one provider's caches. Times are Unix seconds."""

    prefixes: OrderedDict[bytes, Prefix] = field(default_factory=OrderedDict[bytes, Prefix])
    conversations: OrderedDict[str, Conversation] = field(default_factory=OrderedDict[str, Conversation])
    agents: OrderedDict[str, Habits] = field(default_factory=OrderedDict[str, Habits])

    def see(self, agent: str, name: str | None, model: str, chain: Chain, now: float, *, autonomous: bool) -> Sight:
        """A request is about to leave."""
        key = f"{agent}\nname {name}" if name else f"{agent}\nroot {chain.root().hex()}"
        before = self.conversations.get(key)
        habits = _touch(self.agents, agent, Habits, AGENTS_MAX)
        rhythm = before.rhythm if before else Rhythm()
        self._count_begun(habits, before)
        weight = 0.0 if before is None else _CERTAIN if _has_clock(before, chain) else 1.0
        for level in ("tools", "system"):
            self._hear_level(habits, level, chain, now, weight)
        self._hear_tail(habits, rhythm, chain, now, weight)
        kept = self._kept(chain, now)
        for level in LEVELS:
            at = chain.last(level)
            if at is not None:
                digest = chain.blocks[at].digest
                _touch(self.prefixes, digest, partial(Prefix, level, now), PREFIXES_MAX).at = now
                habits.last[level] = digest
        after = Conversation(model, now, is_continued=before is not None, rhythm=rhythm)
        _describe(after, chain)
        if before is not None:
            after.kept_tokens, after.until = before.kept_tokens, before.until
        _touch(self.conversations, key, lambda: after, CONVERSATIONS_MAX)
        self.conversations[key] = after
        return Sight(key, before, _chances(habits, rhythm, autonomous=autonomous), kept)

    def _count_begun(self, habits: Habits, before: Conversation | None) -> None:
        if before is None:
            habits.begun += 1
        elif not before.is_continued:
            habits.continued += 1

    def _hear_level(self, habits: Habits, level: Level, chain: Chain, now: float, weight: float) -> None:
        at = chain.last(level)
        if at is None:
            return
        digest = chain.blocks[at].digest
        prefix = self.prefixes.get(digest)
        if prefix is not None:
            habits.rhythms[level].heard(now - prefix.at)
        elif habits.last.get(level) is not None:
            habits.rhythms[level].heard(None, weight or _HALF)

    def _hear_tail(self, habits: Habits, rhythm: Rhythm, chain: Chain, now: float, weight: float) -> None:
        for block in reversed(chain.blocks):
            prefix = self.prefixes.get(block.digest)
            if prefix is not None and prefix.level == "messages":
                for each in (rhythm, habits.rhythms["messages"]):
                    each.heard(now - prefix.at)
                return
        if weight:
            for each in (rhythm, habits.rhythms["messages"]):
                each.heard(None, weight)

    def _kept(self, chain: Chain, now: float) -> dict[int, Kept]:
        found: dict[int, Kept] = {}
        for at, block in enumerate(chain.blocks):
            prefix = self.prefixes.get(block.digest)
            if prefix is not None and self._is_kept(prefix, now):
                found[at] = Kept(prefix.ttl, prefix.tokens, block.level)
        return found

    def _is_kept(self, prefix: Prefix | None, now: float) -> bool:
        while prefix is not None and prefix.until > now:
            if prefix.behind is None:
                return True
            prefix = self.prefixes.get(prefix.behind)
        return False

    def settle(self, sight: Sight, chain: Chain, marks: Marks, read: int, written: int, started_at: float) -> None:
        """The answer to a request with these breakpoints says how many tokens it read from the cache, and wrote."""
        conversation = self.conversations.get(sight.key)
        if conversation is not None:
            conversation.kept_tokens = read + written
        hit = reach(marks, sight.kept) if read else None
        if not read:
            self._forget(chain)
        elif hit is not None:
            self._renew(chain, hit, started_at)
        deepest = max(marks, default=None)
        if deepest is None or not read + written:
            return
        scale = (read + written) / max(1, chain.tokens_to(deepest))
        behind = None if hit is None else chain.blocks[hit].digest
        for at in sorted(marks):
            if hit is None or at > hit:
                self._write(chain, at, marks[at], round(chain.tokens_to(at) * scale), started_at)
                self.prefixes[chain.blocks[at].digest].behind = behind
                behind = chain.blocks[at].digest
        if conversation is not None:
            prefix = self.prefixes.get(chain.blocks[deepest].digest)
            conversation.until = 0.0 if prefix is None else prefix.until

    def _write(self, chain: Chain, at: int, ttl: str, tokens: int, started_at: float) -> None:
        block = chain.blocks[at]
        prefix = _touch(self.prefixes, block.digest, lambda: Prefix(block.level, started_at), PREFIXES_MAX)
        prefix.until, prefix.ttl, prefix.tokens = started_at + LIFETIMES_S[ttl], ttl, tokens

    def _renew(self, chain: Chain, hit: int, started_at: float) -> None:
        """What is read is kept anew, and all that it stands on."""
        prefix = self.prefixes.get(chain.blocks[hit].digest)
        while prefix is not None and prefix.until > started_at:
            prefix.until = started_at + LIFETIMES_S[prefix.ttl]
            prefix = None if prefix.behind is None else self.prefixes.get(prefix.behind)

    def _forget(self, chain: Chain) -> None:
        """Nothing was read: nothing of it is kept."""
        for block in chain.blocks:
            prefix = self.prefixes.get(block.digest)
            if prefix is not None:
                prefix.until = 0.0

    def state(self, now: float) -> dict[str, Any]:
        """What a successor has to know: small, the newest of it."""
        kept = [(digest, each) for digest, each in self.prefixes.items() if each.until > now]
        conversations = list(self.conversations.items())[-CONVERSATIONS_TOLD_MAX:]
        return {
            "prefixes": {
                digest.hex(): [
                    each.level, round(each.at), round(each.until), each.ttl, each.tokens, (each.behind or b"").hex(),
                ]
                for digest, each in kept[-PREFIXES_TOLD_MAX:]
            },
            "conversations": {
                key: [
                    each.model, round(each.at), each.tools.hex(), each.system.hex(), each.plain_system.hex(),
                    each.kept_tokens, round(each.until), each.rhythm.state(),
                ]
                for key, each in conversations
            },
            "agents": {
                name: {level: rhythm.state() for level, rhythm in each.rhythms.items()}
                for name, each in self.agents.items()
            },
        }  # fmt: skip

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes over what a forerunner knew; what makes no sense is passed over."""
        for digest, value in _lists(state.get("prefixes"), 6, PREFIXES_TOLD_MAX):
            level, at, until, ttl, tokens, behind = value
            is_whole = _numbers(at, until, tokens) and _is_hex(digest) and _is_hex(behind)
            if level in LEVELS and ttl in LIFETIMES_S and is_whole:
                before = bytes.fromhex(behind) or None
                self.prefixes[bytes.fromhex(digest)] = Prefix(level, at, until, ttl, int(tokens), before)
        for key, value in _lists(state.get("conversations"), 8, CONVERSATIONS_TOLD_MAX):
            model, at, tools, system, plain, tokens, until, rhythm = value
            if isinstance(model, str) and all(map(_is_hex, (tools, system, plain))) and _numbers(at, tokens, until):
                ends = (bytes.fromhex(tools), bytes.fromhex(system), bytes.fromhex(plain))
                found = Conversation(model, at, *ends, (), int(tokens), until, is_continued=True)
                found.rhythm = Rhythm.from_state(rhythm) or Rhythm()
                self.conversations[key] = found
        agents = state.get("agents")
        for name, value in (
            list(cast("dict[str, Any]", agents).items())[:AGENTS_MAX] if isinstance(agents, dict) else ()
        ):
            habits = Habits()
            for level in LEVELS:
                told = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
                known = Rhythm.from_state(told.get(level))
                habits.rhythms[level] = known or Rhythm()
            self.agents[str(name)] = habits


def _chances(habits: Habits, rhythm: Rhythm, *, autonomous: bool) -> dict[Level, Chances]:
    """By level; what stands behind something else comes back no more often than that."""
    guess = _GUESSES[autonomous]
    chances = {level: habits.rhythms[level].chances(guess) for level in ("tools", "system")}
    usual = habits.rhythms["messages"]
    goes_on = 1.0 if rhythm.seen else min(1.0, (habits.continued + 2) / (habits.begun + 1))
    gap_s = usual.gaps_s / usual.gaps if usual.gaps >= 1.0 else guess.gap_s
    tail = rhythm.chances(guess._replace(gap_s=gap_s))
    tail = Chances(tail.short * goes_on, tail.long * goes_on, tail.calls)
    behind = [chances[level] for level in ("tools", "system") if habits.rhythms[level].seen]
    most = min((each.short + each.long for each in behind), default=1.0)
    if tail.short + tail.long > most:
        share = most / (tail.short + tail.long)
        tail = Chances(tail.short * share, tail.long * share, tail.calls)
    return {"tools": chances["tools"], "system": chances["system"], "messages": tail}


def _has_clock(before: Conversation, chain: Chain) -> bool:
    """Whether the system prompt differs from the last one in its numbers only, and has a time in it."""
    after = Conversation("", 0.0)
    _describe(after, chain)
    return chain.has_clock and before.system != after.system and before.plain_system == chain.plain_system


def _describe(conversation: Conversation, chain: Chain) -> None:
    def end_of(level: Level) -> bytes:
        return next((block.digest for block in reversed(chain.blocks) if block.level == level), b"")

    conversation.tools, conversation.system = end_of("tools"), end_of("system")
    conversation.plain_system = chain.plain_system
    conversation.messages = tuple(block.own for block in chain.blocks if block.level == "messages")[:MESSAGES_MAX]


def _touch(table: OrderedDict[Any, Any], key: Any, make: Any, most: int) -> Any:
    """The table's entry, as the one used last; a new one where there is none, in place of that not used for longest."""
    if key not in table:
        table[key] = make()
        while len(table) > most:
            table.popitem(last=False)
    table.move_to_end(key)
    return table[key]


def _lists(value: Any, size: int, most: int) -> list[tuple[str, list[Any]]]:
    if not isinstance(value, dict):
        return []
    items = list(cast("dict[Any, Any]", value).items())[:most]
    lists = [(str(key), list(cast("list[Any]", each))) for key, each in items if isinstance(each, (list, tuple))]
    return [(key, each) for key, each in lists if len(each) == size]


def _numbers(*values: Any) -> bool:
    return all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)


def _is_hex(text: Any) -> bool:
    return isinstance(text, str) and len(text) % 2 == 0 and set(text) <= set("0123456789abcdef")
