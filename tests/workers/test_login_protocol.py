"""What the issuer is asked, byte by byte, and what its answers mean (openai/codex 0.145: login/src)."""

from __future__ import annotations

import base64
import json
import re
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kruxos.errors import BadRequestError
from kruxos.login import RECORD_BYTES_MAX, Login, read_login
from kruxos_workers.oauth import protocol
from kruxos_workers.oauth.claims import account_id, expires_at, read_claims
from kruxos_workers.oauth.protocol import Code, Grant, Later, LoginFailed, Over

NOW = 1_700_000_000.0
OLD = Login("access-1", "refresh-1", "account-1", NOW, 1.0)


def token(claims: Any) -> str:
    parts = (json.dumps({"alg": "RS256"}), json.dumps(claims))
    return ".".join([*(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts), "sig"])


ACCESS = token({"exp": NOW + 3600})
ID = token({"email": "a@b.c", "https://api.openai.com/auth": {"chatgpt_account_id": "account-2"}})


def body(**value: Any) -> bytes:
    return json.dumps(value).encode()


class TestSigningIn:
    def test_a_login_begins_with_the_client_id_alone(self) -> None:
        ask = protocol.ask_code("app_x")
        assert (ask.path, ask.content_type) == ("/api/accounts/deviceauth/usercode", "application/json")
        assert json.loads(ask.body) == {"client_id": "app_x"}

    @pytest.mark.parametrize(
        ("interval", "seconds"), [("7", 7.0), (3, 3.0), (None, 5.0), ("x", 5.0), (0, 5.0), (1e9, 60)]
    )
    def test_the_interval_may_be_text_and_is_bounded(self, interval: Any, seconds: float) -> None:
        answer = body(device_auth_id="d", user_code="ABCD-12345", interval=interval)
        assert protocol.read_code(200, answer) == Code("d", "ABCD-12345", seconds)

    def test_the_code_was_spelled_otherwise_once(self) -> None:
        assert protocol.read_code(200, body(device_auth_id="d", usercode="A-1")).user_code == "A-1"

    def test_a_code_that_would_order_the_terminal_about_is_none(self) -> None:
        with pytest.raises(LoginFailed):
            protocol.read_code(200, body(device_auth_id="d", user_code="A\x1b[2J"))

    @pytest.mark.parametrize(("status", "kind"), [(404, "not_enabled"), (500, "failed"), (200, "failed")])
    def test_without_a_code_there_is_no_login(self, status: int, kind: str) -> None:
        with pytest.raises(LoginFailed) as caught:
            protocol.read_code(status, b"<html>")
        assert (caught.value.kind, caught.value.reason) == (kind, f"status {status}")

    def test_a_question_names_the_login_and_the_code(self) -> None:
        ask = protocol.ask_grant(Code("d", "A-1", 5.0))
        assert ask.path == "/api/accounts/deviceauth/token"
        assert json.loads(ask.body) == {"device_auth_id": "d", "user_code": "A-1"}

    @pytest.mark.parametrize("status", [403, 404, 429, 500, 503])
    def test_nobody_has_answered_yet_or_the_issuer_is_busy(self, status: int) -> None:
        assert protocol.read_grant(status, b"") is None

    def test_a_yes_is_a_code_with_its_verifier(self) -> None:
        answer = body(authorization_code="ac", code_challenge="c", code_verifier="v")
        assert protocol.read_grant(200, answer) == Grant("ac", "v")

    @pytest.mark.parametrize(
        ("answer", "kind"),
        [
            (body(error="access_denied"), "denied"),
            (body(error={"code": "expired_token"}), "expired"),
            (body(error={"code": "Something_Else"}), "failed"),
            (b"", "failed"),
        ],
    )
    def test_a_no_says_which(self, answer: bytes, kind: str) -> None:
        with pytest.raises(LoginFailed) as caught:
            protocol.read_grant(400, answer)
        assert caught.value.kind == kind

    def test_the_exchange_is_a_form(self) -> None:
        ask = protocol.ask_tokens(Grant("ac", "v"), "app_x", "https://auth.openai.com")
        assert (ask.path, ask.content_type) == ("/oauth/token", "application/x-www-form-urlencoded")
        assert {name: value for name, (value,) in parse_qs(ask.body.decode()).items()} == {
            "grant_type": "authorization_code",
            "code": "ac",
            "redirect_uri": "https://auth.openai.com/deviceauth/callback",
            "client_id": "app_x",
            "code_verifier": "v",
        }
        assert b"redirect_uri=https%3A%2F%2Fauth.openai.com%2Fdeviceauth%2Fcallback" in ask.body

    def test_tokens_make_a_login_with_its_account_and_its_end(self) -> None:
        answer = body(id_token=ID, access_token=ACCESS, refresh_token="r", more=1)
        assert protocol.read_tokens(200, answer, NOW) == Login(ACCESS, "r", "account-2", NOW + 3600, NOW)

    @pytest.mark.parametrize("answer", [body(access_token=ACCESS), body(refresh_token="r"), b"[]", b"\xff"])
    def test_half_a_login_is_none(self, answer: bytes) -> None:
        with pytest.raises(LoginFailed):
            protocol.read_tokens(200, answer, NOW)


class TestRefreshing:
    def test_it_is_asked_in_json(self) -> None:
        ask = protocol.ask_refresh(OLD, "app_x")
        assert (ask.path, ask.content_type) == ("/oauth/token", "application/json")
        assert json.loads(ask.body) == {
            "client_id": "app_x",
            "grant_type": "refresh_token",
            "refresh_token": "refresh-1",
        }

    def test_what_an_answer_leaves_out_stays(self) -> None:
        new = protocol.read_refresh(200, body(access_token=ACCESS), OLD, NOW)
        assert new == Login(ACCESS, "refresh-1", "account-1", NOW + 3600, NOW)

    def test_an_answer_without_a_new_access_token_is_none(self) -> None:
        assert isinstance(protocol.read_refresh(200, b"{}", OLD, NOW), Later)

    @pytest.mark.parametrize(
        ("status", "answer", "reason"),
        [
            (401, b"", "status 401"),
            (401, body(error={"code": "whatever"}), "whatever"),
            (400, body(error={"code": "refresh_token_expired"}), "refresh_token_expired"),
            (400, body(error="Refresh_Token_Reused"), "refresh_token_reused"),
            (403, body(code="refresh_token_invalidated"), "refresh_token_invalidated"),
        ],
    )
    def test_any_401_and_three_words_are_final(self, status: int, answer: bytes, reason: str) -> None:
        assert protocol.read_refresh(status, answer, OLD, NOW) == Over(reason)

    @pytest.mark.parametrize(
        ("status", "answer"), [(500, b""), (429, b""), (400, body(error="other")), (403, b"<html>")]
    )
    def test_everything_else_may_pass(self, status: int, answer: bytes) -> None:
        assert isinstance(protocol.read_refresh(status, answer, OLD, NOW), Later)

    def test_revoking_names_the_refresh_token(self) -> None:
        ask = protocol.ask_revoke(OLD, "app_x")
        assert ask.path == "/oauth/revoke"
        assert json.loads(ask.body) == {
            "token": "refresh-1",
            "token_type_hint": "refresh_token",
            "client_id": "app_x",
        }

    def test_a_reason_is_a_word_or_a_status_never_a_sentence_with_a_token(self) -> None:
        assert (
            protocol.reason_of(400, body(error={"code": "no refresh-1 here", "message": "refresh-1"})) == "status 400"
        )


class TestClaims:
    @pytest.mark.parametrize("text", ["", "a.b", "a.b.c", "a.e30.c", "a.bnVsbA.c", f"a.{'W10' * 2}.c", "é.é.é", "..."])
    def test_what_is_no_token_says_nothing(self, text: str) -> None:
        assert (expires_at(text), account_id(text)) == (None, "")

    @pytest.mark.parametrize("exp", [True, "1", None, -1, 1e300, float("nan")])
    def test_an_end_that_is_no_time_is_none(self, exp: Any) -> None:
        assert expires_at(token({"exp": exp})) is None

    @pytest.mark.parametrize("account", [None, 1, "a\r\nx: y", {"a": 1}])
    def test_an_account_that_no_header_may_hold_is_none(self, account: Any) -> None:
        assert account_id(token({"https://api.openai.com/auth": {"chatgpt_account_id": account}})) == ""

    @given(st.text(max_size=200))
    def test_nothing_makes_it_raise(self, text: str) -> None:
        assert isinstance(read_claims(text), dict)
        assert isinstance(read_claims(f"a.{text}.c"), dict)


@given(st.binary(max_size=200), st.integers(100, 599))
def test_no_answer_makes_the_reading_raise_anything_but_a_failed_login(answer: bytes, status: int) -> None:
    for read in (
        lambda: protocol.read_code(status, answer),
        lambda: protocol.read_grant(status, answer),
        lambda: protocol.read_tokens(status, answer, NOW),
        lambda: protocol.read_refresh(status, answer, OLD, NOW),
    ):
        with suppress(LoginFailed):
            read()
    reason = protocol.reason_of(status, answer)
    assert reason == f"status {status}" or re.fullmatch(r"[a-z0-9_.-]{1,64}", reason)


class TestTheRecord:
    def test_a_login_comes_back_as_it_was_stored(self) -> None:
        for login in (OLD, OLD.over("refresh_token_reused"), Login("a", "r")):
            assert read_login(login.to_record()) == login

    def test_it_shows_no_token(self) -> None:
        assert "access-1" not in repr(OLD) + str(OLD)
        assert "refresh-1" not in repr(OLD)

    @pytest.mark.parametrize(
        "record",
        [b"", b"null", b"{}", b"{canary", b'{"access_token": 5}', b"[1]", b'"' + b"x" * RECORD_BYTES_MAX + b'"'],
    )
    def test_what_is_none_is_refused_without_a_word_of_it(self, record: bytes) -> None:
        with pytest.raises(BadRequestError) as caught:
            read_login(record)
        assert "canary" not in caught.value.message
