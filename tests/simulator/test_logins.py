"""The issuer of logins and the backend that takes them, without a socket."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlencode

import pytest

from kruxos.simulator.codex.accounts import ACCOUNT_ID, DEVICE_S
from kruxos.simulator.codex.backend import check_login
from kruxos.simulator.world import World
from tests.simulator.support import NOW, Answer, send, world

CALL: dict[str, Any] = {
    "model": "gpt-5.4",
    "instructions": "Be brief.",
    "input": [{"role": "user", "content": "hi"}],
    "store": False,
    "stream": True,
}


def begun(into: World) -> dict[str, str]:
    answer = send(into, "/api/accounts/deviceauth/usercode", {"client_id": "app_x"})
    assert answer.status == 200
    return {name: answer.json[name] for name in ("device_auth_id", "user_code")}


def polled(into: World, code: dict[str, str], now: float = NOW) -> Answer:
    return send(into, "/api/accounts/deviceauth/token", code, now=now)


def exchanged(into: World, grant: Any) -> Answer:
    form = {"grant_type": "authorization_code", "code": grant["authorization_code"], "client_id": "app_x"}
    form |= {"code_verifier": grant["code_verifier"], "redirect_uri": "https://h/deviceauth/callback"}
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return send(into, "/oauth/token", urlencode(form).encode(), headers=headers)


def signed_in(into: World) -> Any:
    into.accounts.policy = "approve"
    return exchanged(into, polled(into, begun(into)).json).json


def refreshed(into: World, token: str, now: float = NOW) -> Answer:
    body = {"client_id": "app_x", "grant_type": "refresh_token", "refresh_token": token}
    return send(into, "/oauth/token", body, now=now)


def called(into: World, tokens: Any, now: float = NOW, **changes: Any) -> Answer:
    headers = {"authorization": f"Bearer {tokens['access_token']}", "chatgpt-account-id": ACCOUNT_ID}
    return send(into, "/backend-api/codex/responses", CALL | changes, headers=headers, now=now)


class TestCodes:
    def test_a_code_waits_for_its_person(self) -> None:
        here = world()
        code = begun(here)
        assert polled(here, code).status == 403
        page = send(here, f"/codex/device?user_code={code['user_code']}&answer=approve", method="GET")
        assert b"Done" in page.body
        assert set(polled(here, code).json) == {"authorization_code", "code_challenge", "code_verifier"}

    @pytest.mark.parametrize(("policy", "code"), [("deny", "access_denied"), ("expire", "expired_token")])
    def test_a_code_can_come_to_nothing(self, policy: str, code: str) -> None:
        here = world(logins=policy)
        answer = polled(here, begun(here))
        assert (answer.status, answer.json["error"]["code"]) == (400, code)

    def test_a_code_lasts_a_quarter_of_an_hour(self) -> None:
        here = world(logins="ask")
        code = begun(here)
        assert polled(here, code, NOW + DEVICE_S - 1).status == 403
        assert polled(here, code, NOW + DEVICE_S).status == 400

    def test_a_code_nobody_knows_is_pending_for_ever(self) -> None:
        assert polled(world(), {"device_auth_id": "x", "user_code": "y"}).status == 403

    def test_an_approved_code_is_good_for_tokens_once(self) -> None:
        here = world(logins="approve")
        grant = polled(here, begun(here)).json
        assert set(exchanged(here, grant).json) == {"id_token", "access_token", "refresh_token"}
        assert exchanged(here, grant).status == 400

    def test_an_operator_answers_for_the_person(self) -> None:
        here = world()
        code = begun(here)
        answer = {"user_code": code["user_code"], "answer": "deny"}
        assert send(here, "/simulator/logins", answer).json["codes"][0]["state"] == "denied"
        assert send(here, "/simulator/logins", answer).status == 404
        assert send(here, "/simulator/logins", {"policy": "everything"}).status == 400


class TestTokens:
    def test_they_say_whose_they_are_and_when_they_end(self) -> None:
        tokens = signed_in(world(login_tokens_s=60.0))
        assert claims(tokens["access_token"])["exp"] == NOW + 60
        assert claims(tokens["id_token"])["https://api.openai.com/auth"]["chatgpt_account_id"] == ACCOUNT_ID

    def test_a_refresh_token_is_good_once_and_used_again_ends_the_login(self) -> None:
        here = world()
        first = signed_in(here)
        second = refreshed(here, first["refresh_token"]).json
        assert second["refresh_token"] != first["refresh_token"]
        reused = refreshed(here, first["refresh_token"])
        assert (reused.status, reused.json["error"]["code"]) == (401, "refresh_token_reused")
        assert refreshed(here, second["refresh_token"]).json["error"]["code"] == "refresh_token_invalidated"

    def test_a_token_nobody_knows_has_expired(self) -> None:
        assert refreshed(world(), "rt_x").json["error"]["code"] == "refresh_token_expired"

    def test_a_revoked_login_is_over(self) -> None:
        here = world()
        tokens = signed_in(here)
        assert send(here, "/oauth/revoke", {"token": tokens["refresh_token"], "client_id": "app_x"}).status == 200
        assert refreshed(here, tokens["refresh_token"]).status == 401
        assert called(here, tokens).status == 401

    def test_reset_forgets_every_login(self) -> None:
        here = world()
        tokens = signed_in(here)
        here.reset()
        assert called(here, tokens).status == 401


def claims(token: str) -> Any:
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


class TestFaults:
    def test_a_fault_strikes_the_issuer_only_when_it_names_the_door(self) -> None:
        here = world(logins="approve", faults=("503", "429 on=usercode times=1"))
        assert send(here, "/api/accounts/deviceauth/usercode", {"client_id": "app_x"}).status == 429
        assert begun(here)

    def test_a_refresh_that_is_cut_off_has_spent_its_token(self) -> None:
        here = world(faults=("cut on=refresh times=1",))
        first = signed_in(here)
        assert not refreshed(here, first["refresh_token"]).is_whole
        assert refreshed(here, first["refresh_token"]).json["error"]["code"] == "refresh_token_reused"

    def test_a_refresh_that_is_refused_has_not(self) -> None:
        here = world(faults=("503 on=refresh times=1",))
        first = signed_in(here)
        assert refreshed(here, first["refresh_token"]).status == 503
        assert refreshed(here, first["refresh_token"]).status == 200

    def test_no_token_is_in_the_list_of_requests(self) -> None:
        here = world()
        tokens = signed_in(here)
        called(here, tokens)
        said = send(here, "/simulator/requests", method="GET").body + send(here, "/simulator/logins", method="GET").body
        assert not [token for token in tokens.values() if token.encode() in said]


class TestBackend:
    def test_a_call_that_is_signed_in_is_answered_with_the_windows_use(self) -> None:
        here = world()
        answer = called(here, signed_in(here))
        assert answer.status == 200
        assert answer.events[-1]["type"] == "response.completed"
        assert answer.headers["x-codex-primary-window-minutes"] == "300"
        assert float(answer.headers["x-codex-primary-used-percent"]) < 1

    def test_a_token_ends(self) -> None:
        here = world(login_tokens_s=60.0)
        tokens = signed_in(here)
        assert called(here, tokens, NOW + 59).status == 200
        assert called(here, tokens, NOW + 60).status == 401

    @pytest.mark.parametrize(
        "change", [{"authorization": "Bearer x"}, {"chatgpt-account-id": "x"}, {"authorization": ""}]
    )
    def test_another_token_or_account_is_refused(self, change: dict[str, str]) -> None:
        here = world()
        tokens = signed_in(here)
        headers = {"authorization": f"Bearer {tokens['access_token']}", "chatgpt-account-id": ACCOUNT_ID}
        assert check_login(here, headers, NOW) is None
        refusal = check_login(here, headers | change, NOW)
        assert refusal is not None
        assert refusal.status == 401

    @pytest.mark.parametrize(
        ("change", "rule"),
        [
            ({"store": True}, "stores"),
            ({"stream": False}, "not_streamed"),
            ({"instructions": ""}, "without_instructions"),
            ({"input": "hi"}, "input_no_list"),
            ({"max_output_tokens": 5}, "field_refused"),
            ({"model": "gpt-1"}, "model_unknown"),
            ({"input": [{"role": "system", "content": "a"}]}, "system_role"),
        ],
    )
    def test_what_the_backend_refuses(self, change: dict[str, Any], rule: str) -> None:
        here = world()
        answer = called(here, signed_in(here), **change)
        assert (answer.status, answer.rule, list(answer.json)) == (400, rule, ["detail"])

    @pytest.mark.parametrize(
        ("change", "rule"),
        [
            ({"input": [{"type": "function_call_output", "call_id": "c1"}]}, "field_required"),
            ({"input": [{"type": "function_call_output", "call_id": "c1", "output": "1"}]}, "call_unpaired"),
            ({"input": [{"role": "user", "content": "a"}], "foo": 1}, "field_unknown"),
        ],
    )
    def test_what_the_protocol_itself_refuses_has_openais_form(self, change: dict[str, Any], rule: str) -> None:
        here = world()
        answer = called(here, signed_in(here), **change)
        assert (answer.status, answer.rule, list(answer.json)) == (400, rule, ["error"])

    def test_a_window_that_is_used_up_says_when_it_opens(self) -> None:
        here = world(faults=("quota on=openai-codex",))
        error = called(here, signed_in(here)).json["error"]
        assert (error["type"], error["resets_in_seconds"], error["plan_type"]) == ("usage_limit_reached", 3600, "plus")
