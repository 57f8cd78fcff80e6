"""Every refusal that providers are known to make is told apart: what it is, whether another one helps, and when."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from kruxos.dialects.registry import DIALECTS
from kruxos.errors import KruxosError
from tests.dialects import traffic
from tests.dialects.error_bodies import SAID, Said
from tests.dialects.error_tables import PAGE, filled_in
from tests.dialects.support import NOW, decoder, run, sse, target
from tests.shared import exchanges


def test_the_page_has_the_table() -> None:
    assert filled_in(PAGE.read_text()) == PAGE.read_text(), "write it anew: python -m tests.dialects.error_tables"


PASSING = {"rate_limited", "provider_overloaded"}
FINAL = {"bad_request", "context_overflow", "content_filtered", "too_large"}
"""What another provider is not asked about."""


def error_of(said: Said) -> KruxosError | None:
    """What the dialect makes of a refusal."""
    at = target(said.profile, "some-model", stream=said.where == "stream")
    if said.where == "answer":
        body = said.body.encode() if isinstance(said.body, str) else json.dumps(said.body).encode()
        return DIALECTS[at.profile.dialect].decode_error(said.status, said.headers, body, at)
    is_line = said.profile == "ollama"
    data = json.dumps(said.body).encode() + b"\n" if is_line or said.where == "body" else sse(said.body)
    kind = "application/x-ndjson" if is_line else "text/event-stream"
    into = decoder(at, content_type="application/json" if said.where == "body" else kind)
    run(into, data)
    assert into.ending is None
    return into.error


def case(said: Said) -> str:
    return f"{said.profile} {said.status} {said.what} ({said.where})"


@pytest.mark.parametrize("said", SAID, ids=case)
def test_a_refusal_is_what_it_is(said: Said) -> None:
    error = error_of(said)
    assert error is not None
    assert error.code == said.code
    assert error.moves_on is (said.code not in FINAL)
    assert error.retry_at == (None if said.after_s is None else pytest.approx(NOW + said.after_s))


@pytest.mark.parametrize("said", SAID, ids=case)
def test_the_time_to_try_again_comes_from_where_the_table_says(said: Said) -> None:
    whole, bare = error_of(said), error_of(replace(said, headers={}))
    assert whole is not None
    assert bare is not None
    assert (whole.retry_at == bare.retry_at) is (said.retry != "header")
    assert (whole.retry_at is None) is (said.retry == "none")


@pytest.mark.parametrize("profile", dict.fromkeys(said.profile for said in SAID))
def test_what_is_used_up_is_told_apart_from_what_passes(profile: str) -> None:
    codes = {said.code for said in SAID if said.profile == profile}
    assert codes & PASSING
    assert codes & {"insufficient_funds", "quota_exhausted"} or profile == "ollama"


def recorded_errors() -> dict[str, str]:
    """The code of every error in the traffic, by the exchange's id."""
    found: dict[str, str] = {}
    for name, (recorded, expected) in exchanges().items():
        if expected["wire"] in traffic.WIRES:
            error = traffic.decode(recorded, expected["wire"]).error
            if error is not None:
                found[name] = error.code
    return found


@pytest.mark.traffic
def test_every_recorded_error_has_a_code_that_fits_its_status() -> None:
    fitting = {
        400: {"bad_request", "context_overflow", "unsupported", "invalid_credentials", "permission_denied",
              "model_not_found", "content_filtered"},
        401: {"invalid_credentials", "needs_login"},
        403: {"permission_denied", "content_filtered", "insufficient_funds"},
        404: {"model_not_found", "provider_misconfigured"},
        422: {"bad_request"},
        429: {"rate_limited", "insufficient_funds", "quota_exhausted"},
        500: {"provider_error"},
        200: {"provider_error", "insufficient_funds"},
    }  # fmt: skip
    wrong = {
        name: code for name, code in recorded_errors().items()
        if code not in fitting[exchanges()[name][0]["response"]["status"]]
    }  # fmt: skip
    assert recorded_errors()
    assert wrong == {}
