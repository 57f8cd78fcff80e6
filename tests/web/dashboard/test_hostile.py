"""What strangers, other sites and hostile names try at the dashboard: nothing of it is done."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from kruxos.operations import OPERATIONS
from kruxos.web.dashboard.desk import FORM_BYTES_MAX, FORM_FIELDS_MAX, GUARDED
from tests.web.dashboard.running import PASSPHRASE, Dashboard, Operator

pytestmark = pytest.mark.real

SCRIPT = "<script>alert(1)</script>"
QUOTE = '"><img src=x onerror=alert(1)>'


@pytest.fixture
def operator(board: Dashboard) -> Iterator[Operator]:
    made = board.operator()
    yield made
    made.http.close()


@pytest.fixture
def visitor(board: Dashboard) -> Iterator[httpx.Client]:
    with board.visitor() as made:
        yield made


def test_guarded_operations_are_those_of_the_gateway() -> None:
    assert frozenset(name for name, each in OPERATIONS.items() if each.guarded) == GUARDED


@pytest.mark.parametrize(
    "path", ["", "/calls", "/usage", "/agents", "/events", "/batches", "/settings/providers", "/settings/vault"]
)
def test_without_a_cookie_no_page_is_shown(visitor: httpx.Client, path: str) -> None:
    answer = visitor.get(f"/dashboard{path}")
    assert answer.status_code == 401
    assert "kruxos dashboard" in answer.text
    assert "claude" not in answer.text


def test_without_a_cookie_nothing_is_done(visitor: httpx.Client, board: Dashboard) -> None:
    before = board.installation.workers()["claude"]
    assert visitor.post("/dashboard/workers/claude/restart", data={"form_word": "x"}).status_code == 401
    assert board.installation.workers()["claude"] == before


def test_a_guessed_cookie_is_nobodys(visitor: httpx.Client, board: Dashboard) -> None:
    port = board.address.rpartition(":")[2]
    visitor.cookies.set(f"kruxos-{port}", "A" * 43)
    assert visitor.get("/dashboard").status_code == 401


def test_a_link_is_good_once(visitor: httpx.Client, board: Dashboard) -> None:
    link = board.link()
    with board.visitor() as first:
        assert first.get(link).status_code == 200
    assert visitor.get(link).status_code == 401
    assert not visitor.cookies
    assert visitor.get("/dashboard/enter", params={"token": ""}).status_code == 401
    assert visitor.get("/dashboard/enter", params={"token": "x" * 5000}).status_code == 401


def test_the_cookie_is_for_this_browser_and_these_pages_alone(board: Dashboard, visitor: httpx.Client) -> None:
    said = visitor.get(board.link()).headers["set-cookie"].lower()
    assert "httponly" in said
    assert "samesite=strict" in said
    assert "path=/dashboard" in said
    assert "max-age=43200" in said


@pytest.mark.parametrize("word", ["", "guessed", "é"])
def test_a_form_of_another_session_does_nothing(operator: Operator, board: Dashboard, word: str) -> None:
    answer = operator.http.post("/dashboard/agents", data={"form_word": word, "name": "smuggled"})
    assert answer.status_code == 403
    assert "smuggled" not in str(board.installation.control("agent.list"))


def test_a_stolen_form_word_is_worth_nothing_in_another_session(operator: Operator, board: Dashboard) -> None:
    other = board.operator()
    stolen = other.form_word()
    other.http.close()
    answer = operator.http.post("/dashboard/agents", data={"form_word": stolen, "name": "smuggled"})
    assert answer.status_code == 403


def test_another_sites_form_is_refused_even_with_the_word(operator: Operator, board: Dashboard) -> None:
    data = {"form_word": operator.form_word(), "name": "smuggled"}
    for headers in ({"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
        assert operator.http.post("/dashboard/agents", data=data, headers=headers).status_code == 403
    assert operator.http.get("/dashboard", headers={"host": "evil.example"}).status_code == 421
    assert "smuggled" not in str(board.installation.control("agent.list"))


def test_after_signing_out_the_cookie_is_worth_nothing(board: Dashboard) -> None:
    leaving = board.operator()
    kept = dict(leaving.http.cookies)
    leaving.post("/leave")
    with board.visitor() as thief:
        thief.cookies.update(kept)
        assert thief.get("/dashboard").status_code == 401
    leaving.http.close()


@pytest.mark.parametrize("path", ["", "/settings/vault", "/enter?token=x", "/assets/kruxos.js", "/nothing"])
def test_no_page_may_be_framed_or_load_from_elsewhere(operator: Operator, path: str) -> None:
    answer = operator.http.get(f"/dashboard{path}")
    if path == "/nothing":
        assert answer.status_code == 404
        return
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_hostile_names_are_text(operator: Operator, board: Dashboard) -> None:
    board.installation.control("agent.create", name="marked", purpose=SCRIPT + QUOTE)
    operator.post("/settings/providers/claude/model", model=QUOTE)
    try:
        for path in ("/agents", "/agents/marked", "/settings/providers", "/settings/providers/claude", ""):
            text = operator.http.get(f"/dashboard{path}").text
            assert SCRIPT not in text
            assert "<img" not in text
    finally:
        operator.post("/settings/providers/claude/model", model="claude-sonnet-4-6")


def test_hostile_errors_are_text(operator: Operator) -> None:
    for name in (SCRIPT, QUOTE):
        answer = operator.post("/agents", name=name, limits=SCRIPT)
        assert answer.status_code == 409
        assert "<script>alert" not in answer.text
        assert "<img" not in answer.text
        answer = operator.http.get("/dashboard/calls", params={"agent": name})
        assert "<script>alert" not in answer.text
        assert "<img" not in answer.text


def test_forms_are_bounded(operator: Operator) -> None:
    word = operator.form_word()
    assert operator.post("/agents", name="x" * FORM_BYTES_MAX).status_code == 413
    many = {f"f{number}": "" for number in range(FORM_FIELDS_MAX + 1)}
    assert operator.post("/agents", **many).status_code == 400
    answer = operator.http.post("/dashboard/agents", json={"form_word": word, "name": "x"})
    assert answer.status_code == 415
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert operator.http.post("/dashboard/agents", content=b"\xff\xfe", headers=headers).status_code == 400


@pytest.mark.parametrize(
    "path",
    ["/assets/../desk.py", "/assets/..%2fdesk.py", "/assets/%2e%2e/desk.py", "/assets//etc/passwd", "/assets/"],
)
def test_paths_lead_to_no_other_file(operator: Operator, board: Dashboard, path: str) -> None:
    answer = operator.http.get(f"{board.address}/dashboard{path}")
    assert answer.status_code == 404


@pytest.mark.parametrize("path", ["/workers/claude/enter", "/agents/x/token/create", "/workers/..%2fgpt/restart"])
def test_a_path_names_no_operation_but_its_own(operator: Operator, path: str) -> None:
    assert operator.post(path).status_code in (404, 409)


# A vault with a passphrase


def test_each_session_shows_the_passphrase_for_itself(sealed: Dashboard) -> None:
    first, second = sealed.operator(), sealed.operator()
    assert 'name="passphrase"' in first.http.get("/dashboard/agents").text
    refused = first.post("/agents", name="one")
    assert refused.status_code == 403
    assert "passphrase" in refused.text
    assert first.post("/agents", name="one", passphrase="wrong").status_code == 409
    assert "is an agent now" in first.post("/agents", name="one", passphrase=PASSPHRASE).text
    assert 'name="passphrase"' not in first.http.get("/dashboard/agents").text
    assert first.post("/agents", name="two").status_code == 200
    assert second.post("/agents", name="three").status_code == 403
    assert "three" not in str(sealed.installation.control("agent.list"))
    first.post("/settings/vault/lock")
    assert first.post("/agents", name="four").status_code == 403
    first.http.close()
    second.http.close()


def test_a_locked_vault_is_told_with_what_to_do_and_unlocked_there(sealed: Dashboard) -> None:
    someone = sealed.operator()
    someone.post("/settings/vault/lock")
    for path in ("", "/settings/providers", "/settings/add-provider?type=openai", "/settings/vault"):
        assert "ocked" in someone.http.get(f"/dashboard{path}").text
    wish = {"type": "anthropic", "name": "late", "api_key": "a-made-up-key"}
    answer = someone.post("/settings/add-provider", **wish)
    assert answer.status_code == 409
    assert "unlock it under Settings" in answer.text
    assert "a-made-up-key" not in answer.text
    assert someone.post("/settings/vault/unlock", passphrase="wrong").status_code == 409
    assert "The vault is unlocked." in someone.post("/settings/vault/unlock", passphrase=PASSPHRASE).text
    assert "Added late" in someone.post("/settings/add-provider", **wish).text
    someone.http.close()
