"""The simulated prompt caches: the providers' rules case by case, and the counters of recorded exchanges."""

from __future__ import annotations

from typing import Any

import pytest

from kruxos import catalog
from kruxos.simulator.caching import RULES, Automatic, Counters, Explicit, Piece, make_cache, pieces_of
from tests.shared import exchanges

MINUTE = 60.0


def piece(name: str, tokens: int = 1000, mark: str | None = None) -> Piece:
    return Piece(name.encode(), tokens, mark)


def prompt(text: str, marks: dict[int, str] | None = None, tokens: int = 1000) -> list[Piece]:
    """A piece for each letter; its name is all up to it."""
    return [piece(text[: at + 1], tokens, (marks or {}).get(at)) for at in range(len(text))]


# Anthropic (docs: prompt caching)


def test_without_a_breakpoint_nothing_is_kept() -> None:
    cache = Explicit()
    assert [cache.serve(prompt("abcd"), at) for at in (0.0, 9.0)] == [Counters(4000)] * 2


def test_a_breakpoint_keeps_all_up_to_its_block() -> None:
    cache = Explicit()
    assert cache.serve(prompt("abcd", {2: "5m"}), 0.0) == Counters(1000, 0, 3000)
    assert cache.serve(prompt("abcd", {2: "5m"}), 9.0) == Counters(1000, 3000)


def test_under_the_minimum_nothing_is_written_or_read_and_nobody_says_so() -> None:
    cache = Explicit(minimum=4096)
    assert [cache.serve(prompt("abcd", {3: "5m"}), at) for at in (0.0, 9.0)] == [Counters(4000)] * 2


@pytest.mark.parametrize(
    ("model", "minimum"),
    [
        ("claude-opus-4-6", 4096), ("claude-haiku-4-5", 4096), ("claude-opus-4-7", 2048), ("claude-sonnet-4-6", 1024),
        ("claude-opus-5", 512),
    ],
)  # fmt: skip
def test_the_minimum_is_the_models(model: str, minimum: int) -> None:
    cache = make_cache("anthropic", model, catalog.lookup("anthropic", model))
    assert isinstance(cache, Explicit)
    assert cache.serve([piece("a", minimum - 1, "5m")], 0.0).written_5m == 0
    assert cache.serve([piece("b", minimum, "5m")], 0.0).written_5m == minimum


def test_five_minutes_count_from_the_start_of_the_request_that_wrote() -> None:
    for after_s, read in ((299.0, 3000), (300.0, 0)):
        cache = Explicit()
        cache.serve(prompt("abc", {2: "5m"}), 0.0)
        assert cache.serve(prompt("abc", {2: "5m"}), after_s).read == read


def test_an_hour_lasts_an_hour_and_is_counted_apart() -> None:
    cache = Explicit()
    assert cache.serve(prompt("abc", {2: "1h"}), 0.0).written_1h == 3000
    assert cache.serve(prompt("abc"), 1800.0).read == 0
    assert cache.serve(prompt("abc", {2: "1h"}), 3599.0).read == 3000


def test_each_hit_renews_for_nothing() -> None:
    cache = Explicit()
    found = [cache.serve(prompt("abc", {2: "5m"}), at * 4 * MINUTE) for at in range(5)]
    assert found == [Counters(0, 0, 3000), *[Counters(0, 3000)] * 4]


def test_a_breakpoint_looks_back_twenty_positions_its_own_included() -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    for mark, read in ((20, 2000), (21, 0)):
        cache = Explicit()
        cache.serve(prompt(letters[:2], {1: "5m"}), 0.0)
        assert cache.serve(prompt(letters, {mark: "5m"}), 9.0).read == read


def test_a_second_breakpoint_finds_what_the_last_one_does_not_see() -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    cache = Explicit()
    cache.serve(prompt(letters[:2], {1: "5m"}), 0.0)
    assert cache.serve(prompt(letters, {1: "5m", 25: "5m"}), 9.0) == Counters(0, 2000, 24000)


def test_hours_and_minutes_of_one_request_are_paid_each_for_their_part() -> None:
    cache = Explicit()
    assert cache.serve(prompt("abcd", {1: "1h", 3: "5m"}), 0.0) == Counters(0, 0, 2000, 2000)


def test_what_stands_behind_minutes_ends_with_them() -> None:
    cache = Explicit()
    cache.serve(prompt("ab", {1: "5m"}), 0.0)
    cache.serve(prompt("abcd", {3: "1h"}), 9.0)
    assert cache.serve(prompt("abcd", {3: "1h"}), 10 * MINUTE).read == 0


def test_a_change_breaks_all_behind_it_and_nothing_before_it() -> None:
    cache = Explicit()
    cache.serve(prompt("abcd", {1: "5m", 3: "5m"}), 0.0)
    changed = [*prompt("ab", {1: "5m"}), piece("abX"), piece("abXd", 1000, "5m")]
    assert cache.serve(changed, 9.0) == Counters(0, 2000, 2000)


def test_two_requests_at_once_both_pay() -> None:
    cache = Explicit()
    assert [cache.serve(prompt("ab", {1: "5m"}), 0.0).written_5m for _ in range(2)] == [2000, 2000]


def body(**more: Any) -> dict[str, Any]:
    return {
        "model": "m",
        "tools": [{"name": "t", "input_schema": {}}],
        "system": "be kind",
        "messages": [{"role": "user", "content": "hi"}],
        **more,
    }


@pytest.mark.parametrize(
    ("changed", "common"),
    [
        ({"tools": [{"name": "u", "input_schema": {}}]}, 0),
        ({"system": "be unkind"}, 1),
        ({"tool_choice": {"type": "any"}}, 2),
        ({"messages": [{"role": "user", "content": [{"type": "image", "source": {}}]}]}, 2),
        ({"thinking": {"type": "adaptive"}}, 0),
        ({"output_config": {"effort": "low"}}, 0),
        ({"max_tokens": 7, "temperature": 0.5, "stream": True}, 3),
    ],
)
def test_what_breaks_the_cache_and_from_where(changed: dict[str, Any], common: int) -> None:
    first, second = pieces_of("anthropic", body()), pieces_of("anthropic", body(**changed))
    shared = [one.name == other.name for one, other in zip(first, second, strict=True)]
    assert shared == [True] * common + [False] * (3 - common)


def test_breakpoints_are_no_part_of_the_prefix() -> None:
    marked = body(system=[{"type": "text", "text": "be kind", "cache_control": {"type": "ephemeral"}}])
    assert [one.name for one in pieces_of("anthropic", body())] == [one.name for one in pieces_of("anthropic", marked)]


def test_the_automatic_breakpoint_stands_on_the_last_block() -> None:
    assert [one.mark for one in pieces_of("anthropic", body(cache_control={"type": "ephemeral"}))] == [None, None, "5m"]


# Caches that work by themselves


@pytest.mark.parametrize(
    ("rules", "shared", "rest", "read"),
    [
        ("openai", 1023, 500, 0), ("openai", 1024, 500, 1024), ("openai", 1151, 500, 1024), ("openai", 1152, 500, 1152),
        ("deepseek", 127, 50, 0), ("deepseek", 300, 50, 256), ("grok", 127, 50, 0), ("grok", 200, 50, 192),
        ("gemini", 1023, 50, 0), ("gemini", 1274, 70, 1274), ("groq", 1795, 0, 1792), ("glm", 218, 1, 218),
    ],
)  # fmt: skip
def test_a_shared_beginning_is_read_in_whole_units_from_the_minimum_on(
    rules: str, shared: int, rest: int, read: int
) -> None:
    cache = Automatic(RULES[rules])
    cache.serve([piece("a", shared), piece("ab", 99)], 0.0)
    assert cache.serve([piece("a", shared), piece("ac", rest)], 9.0) == Counters(shared + rest - read, read)


def test_the_whole_prompt_is_never_read() -> None:
    cache = Automatic(RULES["openai"])
    cache.serve([piece("a", 2048)], 0.0)
    assert cache.serve([piece("a", 2048)], 9.0).read == 1920


def test_what_is_not_used_is_forgotten() -> None:
    cache = Automatic(RULES["openai"])
    cache.serve([piece("a", 2048)], 0.0)
    assert cache.serve([piece("a", 2048)], 301.0).read == 0


def test_newer_models_of_openai_charge_for_writing() -> None:
    cache = make_cache("openai", "gpt-5.6-sol", catalog.lookup("openai", "gpt-5.6-sol"))
    assert cache is not None
    assert cache.serve([piece("a", 1220)], 0.0) == Counters(3, 0, 1217)


# Recorded exchanges

PROVIDERS = {"anthropic", "openai-responses", "openai-chat", "gemini", "deepseek", "glm", "grok", "mistral", "groq"}
DIALECTS = {"messages": "anthropic", "chat": "openai-chat", "responses": "openai-responses", "gemini": "gemini"}
MINIMUM_OF_OLDER = {"claude-3-5-haiku-20241022": 2048}
"""What the facts do not list and the catalogue does not sell."""


def recorded() -> list[str]:
    names: list[str] = []
    for name, (raw, meant) in exchanges().items():
        tokens = meant.get("tokens") or {}
        if not isinstance(raw["request"]["body"], dict) or tokens.get("input_uncached") is None:
            continue
        if raw["provider"] in PROVIDERS and meant["wire"] in DIALECTS and raw["model"]:
            names.append(name)
    return names


def cache_of(raw: dict[str, Any]) -> Any:
    provider, model = raw["provider"].removesuffix("-responses").removesuffix("-chat"), raw["model"]
    if model in MINIMUM_OF_OLDER:
        return Explicit(MINIMUM_OF_OLDER[model])
    return make_cache(provider, model, catalog.lookup(provider, model))


WORKS_ELSEWHERE = ("web_search", "x_search", "code_execution", "mcp", "code_interpreter", "file_search")
"""Tools at the provider's: the prompt is worked on several times, and the counters are sums."""


def is_summed(raw: dict[str, Any]) -> bool:
    tools = raw["request"]["body"].get("tools") or []
    return any(str(tool.get("type", "")).startswith(WORKS_ELSEWHERE) for tool in tools if isinstance(tool, dict))


@pytest.mark.traffic
def test_every_recorded_counter_can_come_from_the_cache_and_none_that_it_never_gives() -> None:
    """The prompt's pieces before what was read are known to the cache, those behind are not: it must answer the same.

    What was kept before the recording began nobody knows, so the cache is given exactly what was read: a request that
    shares it. Where nothing was read it is empty.
    """
    checked, different = 0, list[str]()
    for name in recorded():
        raw, meant = exchanges()[name]
        if is_summed(raw) or (cache := cache_of(raw)) is None:
            continue
        tokens = meant["tokens"]
        read, written = tokens["cache_read"] or 0, tokens["cache_write"] or 0
        total = tokens["input_uncached"] + read + written
        pieces = fitted(pieces_of(DIALECTS[meant["wire"]], raw["request"]["body"], total), read, written, total)
        warm = [one for one, end in zip(pieces, ends(pieces), strict=True) if end <= read]
        if warm and isinstance(cache, Explicit):
            warm[-1] = Piece(warm[-1].name, warm[-1].tokens, "5m")
        if warm:
            cache.serve(warm, 0.0)
        found = cache.serve(pieces, 9.0)
        checked += 1
        if (found.read, found.written_5m + found.written_1h) != (read, written):
            different.append(f"{name}: {found} where {tokens} was recorded")
    assert different == []
    assert checked >= 100


def ends(pieces: list[Piece]) -> list[int]:
    found, running = [], 0
    for one in pieces:
        running += one.tokens
        found.append(running)
    return found


def fitted(pieces: list[Piece], read: int, written: int, total: int) -> list[Piece]:
    """The same with borders where the recorded counters say that there are some: tokens are only estimated."""
    marked = [at for at, one in enumerate(pieces) if one.mark]
    kept = read + written
    if not marked:  # a cache that works by itself may split a piece
        if not read:
            return pieces
        return [Piece(b"read", read), Piece(b"rest", total - read)]
    last = marked[-1]
    borders = [min(end, kept) for end in ends(pieces)[: last + 1]]
    if not kept:
        return pieces
    borders[last] = kept
    if read and written:  # what was read ends at the block before what is new
        before = max(0, min(range(last), key=lambda at: abs(borders[at] - read)))
        borders = [min(end, read) if at <= before else max(end, read) for at, end in enumerate(borders)]
        borders[before], borders[last] = read, kept
    rest = len(pieces) - last - 1
    tail = [kept + (total - kept) * (at + 1) // rest for at in range(rest)]
    if not rest and total != kept:  # what opens the answer stands behind the last block
        return _with_sizes([*pieces, Piece(b"opening", 0)], [*borders, total])
    return _with_sizes(pieces, [*borders, *tail])


def _with_sizes(pieces: list[Piece], borders: list[int]) -> list[Piece]:
    starts = [0, *borders]
    return [Piece(one.name, end - start, one.mark) for one, start, end in zip(pieces, starts, borders, strict=False)]
