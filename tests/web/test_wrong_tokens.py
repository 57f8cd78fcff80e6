"""Guessing tokens: bounded in time, while agents that are known go on."""

from __future__ import annotations

import pytest

from kruxos.web.doors.sessions import WRONG_BURST, WRONG_PER_S, WrongTokens
from tests.web.running import serving


def test_a_burst_is_heard_then_so_many_a_second() -> None:
    wrong = WrongTokens()
    heard = 0
    while wrong.may_try(100.0):
        wrong.was_wrong()
        heard += 1
    assert heard == WRONG_BURST
    assert not wrong.may_try(100.0 + 0.9 / WRONG_PER_S)
    assert wrong.may_try(100.0 + 1.0 / WRONG_PER_S)


def test_right_tokens_cost_nothing() -> None:
    wrong = WrongTokens()
    assert all(wrong.may_try(1.0) for _ in range(1000))


@pytest.mark.real
def test_wrong_tokens_are_refused_unheard_after_a_while_and_known_agents_go_on(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with serving(tmp_path_factory.mktemp("k"), "providers:\n", ()) as web, web.http() as http:
        assert http.get("/v1/models").status_code == 200
        guessed = [
            http.get("/v1/models", headers={"x-api-key": f"{number:064x}", "authorization": ""}).status_code
            for number in range(60)
        ]
        assert set(guessed) == {401, 429}
        assert guessed.count(401) < 40
        assert http.get("/v1/models").status_code == 200
