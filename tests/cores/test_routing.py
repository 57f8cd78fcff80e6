"""Who answers: the documented order, models, and what an agent's policy forbids."""

from __future__ import annotations

import pytest

from kruxos.cores.routing import (
    AgentFacts,
    Candidate,
    Outlook,
    ProviderFacts,
    RoutingFacts,
    Standing,
    Wish,
    choose,
    make_plan,
    stay,
)

FACTS = RoutingFacts(
    providers={
        "claude": ProviderFacts(
            "claude", model="claude-sonnet-4-6", sells=frozenset({"claude-sonnet-4-6", "claude-opus-4-6"})
        ),
        "gpt": ProviderFacts("gpt", model="gpt-5.4", sells=frozenset({"gpt-5.4"}), aliases={"big": "gpt-5.4"}),
        "codex": ProviderFacts("codex", model="gpt-5.4", flat_rate=True),
        "llama": ProviderFacts("llama", model="llama3.3:8b", local=True),
        "off": ProviderFacts("off", enabled=False, model="x"),
    },
    defaults={"chat": "gpt", "autonomous": "codex", "fallback": "llama"},
    known_models=frozenset({"claude-sonnet-4-6", "claude-opus-4-6", "gpt-5.4"}),
)


def order(wish: Wish = Wish(), agent: AgentFacts = AgentFacts()) -> list[tuple[str, str | None]]:  # noqa: B008
    return [(each.provider, each.model) for each in make_plan(wish, agent, FACTS).candidates]


def test_the_agents_provider_then_the_roles_default_then_the_fallback() -> None:
    assert order(agent=AgentFacts(model="claude")) == [("claude", None), ("gpt", None), ("llama", None)]


def test_the_calls_own_wish_stands_before_the_agents_provider() -> None:
    assert order(Wish(provider="codex"), AgentFacts(model="claude"))[0] == ("codex", None)


def test_a_disabled_provider_is_passed_over_and_named() -> None:
    plan = make_plan(Wish(), AgentFacts(model="off"), FACTS)
    assert [each.provider for each in plan.candidates] == ["gpt", "llama"]
    assert [(skip.provider, skip.reason) for skip in plan.skipped] == [("off", "disabled")]


def test_the_role_is_the_calls_else_the_agents_else_chat() -> None:
    assert order()[0] == ("gpt", None)
    assert order(agent=AgentFacts(role="autonomous"))[0] == ("codex", None)
    assert order(Wish(role="chat"), AgentFacts(role="autonomous"))[0] == ("gpt", None)


def test_a_provider_stands_in_the_order_once() -> None:
    assert order(Wish(provider="llama")) == [("llama", None), ("gpt", None)]


def test_model_may_be_a_provider_a_provider_and_id_or_an_id() -> None:
    assert order(Wish(model="claude"))[0] == ("claude", None)
    assert order(Wish(model="claude/claude-opus-4-6"))[0] == ("claude", "claude-opus-4-6")
    assert order(Wish(model="claude-opus-4-6"))[0] == ("claude", "claude-opus-4-6")
    assert order(Wish(model="big"))[0] == ("gpt", "gpt-5.4")


def test_an_id_that_nobody_knows_is_passed_on_as_it_is_to_the_first_candidate_only() -> None:
    assert order(Wish(model="gpt-99"))[:2] == [("gpt", "gpt-99"), ("llama", None)]


def test_an_id_with_a_slash_that_names_no_provider_is_an_id() -> None:
    assert order(Wish(model="meta-llama/llama-3.1-405b"))[0] == ("gpt", "meta-llama/llama-3.1-405b")


def test_a_candidate_that_does_not_sell_the_id_answers_with_its_own_model_and_says_so() -> None:
    plan = make_plan(Wish(model="claude-opus-4-6"), AgentFacts(), FACTS)
    second = plan.candidates[1]
    assert (second.provider, second.model) == ("gpt", None)
    assert [notice["code"] for notice in second.notices] == ["fallback", "model_changed"]


def test_strict_model_skips_those_that_do_not_sell_it() -> None:
    plan = make_plan(Wish(model="claude-opus-4-6", strict_model=True), AgentFacts(), FACTS)
    assert [each.provider for each in plan.candidates] == ["claude"]
    assert {skip.code for skip in plan.skipped} == {"model_not_found"}


def test_a_local_only_agents_call_goes_nowhere_else_not_even_first() -> None:
    plan = make_plan(Wish(), AgentFacts(model="claude", fallback="local_only"), FACTS)
    assert [each.provider for each in plan.candidates] == ["llama"]
    assert [skip.code for skip in plan.skipped] == ["forbidden", "forbidden"]


def test_an_agent_without_fallback_has_one_candidate() -> None:
    assert order(agent=AgentFacts(model="claude", fallback="none")) == [("claude", None)]


def test_same_billing_keeps_to_one_way_of_paying_and_to_what_costs_nothing() -> None:
    assert order(agent=AgentFacts(model="codex", fallback="same_billing")) == [("codex", None), ("llama", None)]
    assert order(agent=AgentFacts(model="llama", fallback="same_billing")) == [("llama", None)]
    assert order(agent=AgentFacts(model="claude", role="autonomous", fallback="same_billing")) == [
        ("claude", None), ("llama", None)]  # fmt: skip


def test_the_calls_fallback_rule_stands_before_the_agents() -> None:
    assert order(Wish(fallback="none"), AgentFacts(model="claude")) == [("claude", None)]


def test_a_move_off_the_machine_or_onto_a_meter_is_told() -> None:
    def codes(model: str) -> list[list[str]]:
        plan = make_plan(Wish(), AgentFacts(model=model), FACTS)
        return [[notice["code"] for notice in each.notices] for each in plan.candidates]

    assert codes("llama") == [[], ["fallback", "moved_remote"]]
    assert codes("codex") == [[], ["fallback", "moved_metered"], ["fallback"]]


class Health:
    def __init__(self, shares: dict[str, float] | None = None, **standing: Standing) -> None:
        self._standing, self._shares = standing, shares or {}

    def outlook(self, provider: str, model: str | None) -> Outlook:
        return Outlook(
            self._standing.get(provider, "ready"), "worker_lost", "why", share=self._shares.get(provider, 1.0)
        )


@pytest.mark.parametrize("standing", ["cooling", "backoff", "failed", "stopped"])
def test_who_cannot_take_a_call_is_passed_over_with_the_reason(standing: Standing) -> None:
    plan = make_plan(Wish(), AgentFacts(model="claude"), FACTS)
    chosen, skipped = choose(plan, frozenset(), Health(claude=standing))
    assert chosen == plan.candidates[1]
    assert [(skip.provider, skip.code, skip.reason) for skip in skipped] == [("claude", "worker_lost", "why")]


def test_a_starting_provider_is_waited_for() -> None:
    plan = make_plan(Wish(), AgentFacts(model="claude"), FACTS)
    assert choose(plan, frozenset(), Health(claude="starting"))[0] == Candidate("claude", None)


def test_whoever_was_tried_is_not_chosen_again() -> None:
    plan = make_plan(Wish(), AgentFacts(model="claude"), FACTS)
    assert choose(plan, frozenset({"claude", "gpt", "llama"}), Health()) == (None, [])


@pytest.mark.parametrize(("lot", "chosen"), [(0.29, "claude"), (0.3, "gpt")])
def test_who_recovers_takes_its_share_of_the_calls_by_lot(lot: float, chosen: str) -> None:
    plan = make_plan(Wish(), AgentFacts(model="claude"), FACTS)
    candidate, skipped = choose(plan, frozenset(), Health({"claude": 0.3}), lambda: lot)
    assert candidate is not None
    assert candidate.provider == chosen
    assert [skip.provider for skip in skipped] == ([] if chosen == "claude" else ["claude"])


def test_who_recovers_takes_all_calls_that_nobody_else_can_take() -> None:
    plan = make_plan(Wish(), AgentFacts(model="claude"), FACTS)
    health = Health({"claude": 0.1}, gpt="failed", llama="cooling")
    candidate, skipped = choose(plan, frozenset(), health, lambda: 0.9)
    assert candidate is not None
    assert candidate.provider == "claude"
    assert [skip.provider for skip in skipped] == ["gpt", "llama"]


def test_a_conversation_that_moved_has_its_provider_first_and_keeps_the_notices() -> None:
    plan = stay(make_plan(Wish(), AgentFacts(model="claude"), FACTS), "llama")
    assert [each.provider for each in plan.candidates] == ["llama", "claude", "gpt"]
    assert plan.candidates[0].notices[0]["code"] == "fallback"


def test_a_conversation_stays_only_with_a_candidate_of_the_call() -> None:
    plan = make_plan(Wish(), AgentFacts(model="claude", fallback="none"), FACTS)
    assert stay(plan, "llama") == plan
    assert stay(plan, None) == plan
