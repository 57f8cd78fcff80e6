"""Every fault, as the steps that are sent and as our own decoders take them; and every way to ask for one."""

from __future__ import annotations

import json

import pytest

from kruxos.dialects.base import Decoder, EncodedRequest, HttpRequest, Target
from kruxos.dialects.registry import DIALECTS
from kruxos.errors import BadRequestError
from kruxos.simulator import Scripted, directives
from kruxos.simulator.faults import KINDS, SILENCE_S, fault_of
from kruxos.simulator.steps import Cut, Data, Head, Wait
from tests.simulator.support import CLAUDE, GPT, NOW, SPOKEN, Answer, ask, ask_gpt, chat, messages, send, world

PATHS = {"anthropic": "/v1/messages", "openai": "/v1/chat/completions"}
NOTHING_SENT = EncodedRequest(HttpRequest("POST", "", {}, b""))
BOTH = pytest.mark.parametrize("provider", PATHS)


def asked(provider: str, marker: str, *, stream: bool = True, steps_max: int = 100_000) -> Answer:
    """An answer of twenty tokens, with a fault."""
    text = f"hi [[simulate {marker} tokens=20]]"
    body = messages(text, stream=stream) if provider == "anthropic" else chat(text, stream=stream)
    return send(world(), PATHS[provider], body, steps_max=steps_max)


def decoded(answer: Answer, provider: str) -> Decoder:
    """What our own decoder makes of the answer's bytes."""
    model = CLAUDE if provider == "anthropic" else GPT
    target = Target("p", model, SPOKEN[provider], provider, stream=True, now=NOW)
    decoder = DIALECTS[target.profile.dialect].decoder(target, NOTHING_SENT, answer.headers["content-type"])
    for piece in answer.pieces:
        decoder.feed(piece.body)
    decoder.finish()
    return decoder


def error_code(answer: Answer, provider: str) -> str | None:
    """The code of ours that an error status means to the gateway, or that its decoder ends with."""
    if answer.status == 200:
        error = decoded(answer, provider).error
        return error.code if error else None
    model = CLAUDE if provider == "anthropic" else GPT
    target = Target("p", model, SPOKEN[provider], provider, stream=True, now=NOW)
    dialect = DIALECTS[target.profile.dialect]
    return dialect.decode_error(answer.status, answer.headers, answer.body, target).code


MEANINGS = {
    "400": "bad_request", "401": "invalid_credentials", "402": "insufficient_funds", "403": "permission_denied",
    "413": "too_large", "429": "rate_limited",
    "500": "provider_error", "503": "provider_overloaded", "529": "provider_overloaded",
    "overloaded": "provider_overloaded", "overloaded after=5": "provider_overloaded", "cut": "interrupted",
    "cut after=5": "interrupted", "cut after=5 how=fin": "interrupted", "cut after=999": "interrupted",
    "bad-json": "provider_protocol", "bad-json after=5": "provider_protocol", "no-finish": "interrupted",
    "silence": None, "drip interval=0": None, "content-type type=text/plain": None, "bad-utf8 after=3": None,
    "no-terminal": {"anthropic": "interrupted", "openai": None}, "huge bytes=17000000": "provider_protocol",
    "load": None, "tool-failed": "provider_error",
    "quota": "insufficient_funds", "html status=502": "provider_error", "html status=200": "provider_protocol",
}  # fmt: skip


@BOTH
@pytest.mark.parametrize("marker", MEANINGS)
def test_the_gateways_own_dialect_takes_it_for_what_it_is(marker: str, provider: str) -> None:
    meaning = MEANINGS[marker]
    wanted = meaning[provider] if isinstance(meaning, dict) else meaning
    answer = asked(provider, marker)
    assert error_code(answer, provider) == wanted
    assert answer.recorded is not None
    assert answer.recorded.outcome == "fault"
    assert answer.recorded.detail.startswith(marker.split(maxsplit=1)[0])


@BOTH
@pytest.mark.parametrize("stream", [True, False])
def test_a_status_is_refused_in_the_providers_words_with_or_without_a_wait(provider: str, *, stream: bool) -> None:
    plain, timed = asked(provider, "429", stream=stream), asked(provider, "429 retry_after=2.5", stream=stream)
    assert (plain.status, "retry-after" in plain.headers) == (429, False)
    assert (timed.status, timed.headers["retry-after"]) == (429, "2.5")
    words = {"anthropic": "rate_limit_error", "openai": "requests"}
    assert plain.json["error"]["type"] == words[provider]
    assert asked(provider, "418").status == 418


def test_quota_is_told_as_each_provider_tells_it() -> None:
    spent = asked("anthropic", "quota")
    assert (spent.status, spent.json["error"]["details"]) == (429, {"error_code": "enforced_spend_limit_reached"})
    assert asked("openai", "quota").json["error"]["code"] == "insufficient_quota"


@BOTH
def test_an_overload_inside_a_200_may_come_first_or_later(provider: str) -> None:
    first = asked(provider, "overloaded")
    assert first.status == 200
    assert len(first.events) == 1
    assert "error" in first.events[0]
    later = asked(provider, "overloaded after=5")
    assert sum(piece.tokens for piece in later.pieces) == 5
    assert "error" in later.events[-1]
    assert "error" in asked(provider, "overloaded", stream=False).json


@BOTH
@pytest.mark.parametrize("after", [0, 1, 7])
def test_a_cut_comes_after_so_many_tokens(provider: str, after: int) -> None:
    reset, fin = asked(provider, f"cut after={after}"), asked(provider, f"cut after={after} how=fin")
    for answer, is_reset in ((reset, True), (fin, False)):
        assert answer.steps[-1] == Cut(is_reset)
        assert sum(piece.tokens for piece in answer.pieces) == after
    whole = asked(provider, f"cut after={after}", stream=False)
    assert whole.head.length is not None
    assert len(whole.body) < whole.head.length
    assert (len(whole.body) == 0) is (after == 0)


@BOTH
def test_silence_falls_before_the_headers_the_first_token_or_in_the_middle(provider: str) -> None:
    def before(marker: str) -> tuple[int, int, float]:
        steps = asked(provider, marker).steps
        at = next(at for at, step in enumerate(steps) if isinstance(step, Wait))
        wait = steps[at]
        assert isinstance(wait, Wait)
        heads = sum(isinstance(step, Head) for step in steps[:at])
        return heads, sum(step.tokens for step in steps[:at] if isinstance(step, Data)), wait.seconds

    assert before("silence where=headers seconds=5") == (0, 0, 5.0)
    assert before("silence") == (1, 0, SILENCE_S)
    assert before("silence where=middle seconds=5") == (1, 5, 5.0)
    assert before("silence where=middle after=9 seconds=5") == (1, 9, 5.0)
    assert asked(provider, "silence where=middle seconds=5", stream=False).is_whole


@BOTH
def test_a_slow_drip_sends_every_byte_alone(provider: str) -> None:
    answer = asked(provider, "drip interval=0.5")
    assert {len(piece.body) for piece in answer.pieces} == {1}
    assert answer.waited_s == 0.5 * len(answer.body)
    assert decoded(answer, provider).ending is not None


@BOTH
@pytest.mark.parametrize("stream", [True, False])
def test_a_character_is_cut_in_two(provider: str, *, stream: bool) -> None:
    answer = asked(provider, "bad-utf8 after=3", stream=stream)
    with pytest.raises(UnicodeDecodeError):
        answer.body.decode()
    assert error_code(answer, provider) == (None if stream else "provider_protocol")


@BOTH
@pytest.mark.parametrize("stream", [True, False])
def test_an_event_can_be_huge(provider: str, *, stream: bool) -> None:
    answer = asked(provider, "huge bytes=100000 after=2", stream=stream)
    assert max(len(piece.body) for piece in answer.pieces) > 100_000
    assert decoded(answer, provider).ending is not None


@BOTH
@pytest.mark.parametrize("stream", [True, False])
def test_an_endless_stream_goes_on_while_it_is_read(provider: str, *, stream: bool) -> None:
    for steps_max in (1_000, 5_000):
        answer = asked(provider, "endless", stream=stream, steps_max=steps_max)
        assert len(answer.steps) == steps_max
    assert not answer.is_whole


@BOTH
def test_a_wrong_content_type_and_a_page_of_html(provider: str) -> None:
    assert asked(provider, "content-type type=application/xml").headers["content-type"] == "application/xml"
    page = asked(provider, "html status=503")
    assert (page.status, page.headers["content-type"]) == (503, "text/html")
    assert b"<html>" in page.body


@BOTH
def test_what_ends_a_stream_can_be_missing_and_a_whole_answer_stays_whole(provider: str) -> None:
    terminal = {"anthropic": b"message_stop", "openai": b"[DONE]"}[provider]
    finish = {"anthropic": b'"stop_reason":"end_turn"', "openai": b'"finish_reason":"stop"'}[provider]
    no_terminal, no_finish = asked(provider, "no-terminal").body, asked(provider, "no-finish").body
    assert (terminal in no_terminal, finish in no_terminal) == (False, True)
    assert (terminal in no_finish, finish in no_finish) == (False, False)
    assert asked(provider, "no-terminal", stream=False).json


def test_a_fault_can_be_asked_for_by_header_by_model_and_by_prompt() -> None:
    into = world()
    assert send(into, "/v1/messages", messages(), x_simulate="529").status == 529
    assert send(into, "/v1/messages", messages(model=f"{CLAUDE}#529")).status == 529
    assert ask_gpt(into, model=f"{GPT}#500,times=9").status == 500
    assert ask(into, "hi [[simulate 529]]").status == 529
    assert ask(into, system="[[simulate 529]]").status == 529
    assert ask(into, "hi [[simulate 529]]", "yes?", "go on").status == 200


def test_wishes_behind_a_model_and_in_a_header_count_too() -> None:
    into = world()
    assert ask(into, model=f"{CLAUDE}#tokens=3").json["usage"]["output_tokens"] == 3
    assert ask(into, model=f"{CLAUDE}#tokens=3").json["model"] == CLAUDE
    answer = send(into, "/v1/messages", messages(), x_simulate="tokens=4")
    assert answer.json["usage"]["output_tokens"] == 4


def test_times_bounds_a_fault_for_each_prompt_and_counts_all_models_together() -> None:
    into = world()
    marked = "hi [[simulate 529 times=2]]"
    assert [ask(into, marked).status, ask_gpt(into, marked).status, ask(into, marked).status] == [529, 529, 200]
    assert ask(into, "another [[simulate 529 times=2]]").status == 529
    into.reset()
    assert ask(into, marked).status == 529


def test_a_fault_can_be_kept_to_one_provider_or_model() -> None:
    into = world()
    marked = "hi [[simulate 529 on=anthropic]]"
    assert (ask(into, marked).status, ask_gpt(into, marked).status) == (529, 200)
    assert (ask(into, f"hi [[simulate 529 on={CLAUDE}]]").status, ask(into, "[[simulate 529 on=x]] hi").status) == (
        529,
        200,
    )


def test_a_switched_fault_strikes_every_request_until_it_is_used_up() -> None:
    into = world(faults=("529 times=2", "429"))
    assert [ask(into).status, ask_gpt(into).status, ask(into).status] == [529, 529, 429]
    assert [fault.text for fault in into.switches.switched] == ["429"]
    assert send(into, "/v1/models", method="GET", authorization="Bearer k").status == 429
    into.switches.switch([fault_of("500", {"on": "openai"})])
    assert [ask(into).status, ask_gpt(into).status] == [200, 500]
    into.reset()
    assert ask(into).status == 529


def test_a_switched_fault_without_a_status_strikes_the_answer() -> None:
    assert ask(world(faults=("cut after=2",)), stream=True).steps[-1] == Cut(is_reset=True)


def test_a_wrong_request_is_refused_though_a_fault_is_asked_for() -> None:
    assert send(world(), "/v1/messages", messages("[[simulate 529]]", seed=1)).rule == "field_unknown"


def test_a_scripted_fault_strikes_its_answer() -> None:
    into = world(script=(Scripted(fault="cut how=fin", when="cut me"),))
    assert ask(into, "cut me", stream=True).steps[-1] == Cut(is_reset=False)
    assert ask(into, "hi").is_whole


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("flood", "'flood' is no fault; known are the statuses 400 to 599, quota, overloaded"),
        ("200", "is no fault"),
        ("429 after=2", "status has no option|429 has no option 'after'"),
        ("cut after=-1", "after='-1' must be"),
        ("cut after=x", "after='x' must be"),
        ("silence seconds=nan", "must be"),
        ("cut how=gently", "must be reset or fin"),
        ("cut drip", "a second fault"),
        ("after=2", "is an option of a fault, but no fault is named"),
        ("tokens=0", "whole number from 1"),
        ('text="open', "No closing quotation"),
    ],
)
def test_words_that_say_nothing_known_are_refused_by_name(text: str, says: str) -> None:
    with pytest.raises(BadRequestError, match=says):
        directives.parse(text)


def test_words_become_a_fault_and_wishes() -> None:
    directive = directives.parse('cut after=3, how=fin tool=f text="two words" tokens=7')
    assert directive.fault is not None
    assert (directive.fault.kind, directive.fault.after, directive.fault.how) == ("cut", 3, "fin")
    assert (directive.wishes.tool, directive.wishes.text, directive.wishes.tokens) == ("f", "two words", 7)
    both = directives.markers(["a [[simulate tool]] b [[simulate tokens=2]] [[simulate 429]]", "[[simulate 500]]"])
    assert both.fault is not None
    assert (both.fault.status, both.wishes.tool, both.wishes.tokens) == (429, "", 2)


def test_every_kind_of_fault_is_described_and_meant_by_a_test() -> None:
    meant = {marker.split()[0] for marker in MEANINGS} | {"endless"}
    assert set(KINDS) <= meant
    assert all(kind.says for kind in KINDS.values())


def test_only_the_key_that_is_set_is_accepted_and_else_any_that_is_not_bad() -> None:
    into = world(key="the-only")
    assert send(into, "/v1/messages", messages(), x_api_key="the-only").status == 200
    assert send(into, "/v1/messages", messages(), authorization="Bearer the-only", drop=("x-api-key",)).status == 200
    assert send(into, "/v1/messages", messages(), x_api_key="the-only-not").status == 401
    assert send(world(), "/v1/chat/completions", chat(), authorization="Bearer bad-key").status == 401


def test_an_error_of_a_fault_is_json_with_a_request_id() -> None:
    answer = ask(world(), "[[simulate 500]] hi")
    assert json.loads(answer.body)["request_id"] == answer.headers["request-id"]
    assert answer.rule is None
