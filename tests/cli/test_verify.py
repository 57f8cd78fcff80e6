"""`kruxos verify`: its lines, its exit codes, and what it is without a gateway."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from kruxos.cli.terminal import Terminal
from kruxos.cli.verify import verify_lines
from tests.cli.running import Gateway, Kruxos
from tests.cli.upstream import Upstream

FOUND = {
    "checks": [
        {"name": "Gateway", "state": "pass", "detail": "running", "fix": ""},
        {"name": "Isolation", "state": "warn", "detail": "partial", "fix": ""},
        {"name": "models.yaml", "state": "fail", "detail": "it has a problem:\nline 3", "fix": "mend it"},
    ]
}

MODELS = """\
providers:
  fast:
    type: openai
    profile: openai
    base_url: {root}/v1
    auth: none
    model: gpt-4o
defaults:
  chat: fast
"""


def test_each_finding_is_a_line_and_what_failed_has_its_fix() -> None:
    assert verify_lines(FOUND, Terminal()) == [
        "KruxOS Verify",
        "─" * 48,
        "[PASS] Gateway      running",
        "[WARN] Isolation    partial",
        "[FAIL] models.yaml  it has a problem:",
        "       line 3",
        "       fix: mend it",
        "",
        "1 passed, 1 to look at, 1 failed",
    ]


def test_quiet_shows_what_failed_alone() -> None:
    assert verify_lines(FOUND, Terminal(), quiet=True) == [
        "[FAIL] models.yaml  it has a problem:", "       line 3", "       fix: mend it",
    ]  # fmt: skip


def test_without_a_gateway_it_ends_with_1_and_makes_nothing(kruxos: Kruxos) -> None:
    done = kruxos("verify")
    assert (done.code, done.err) == (1, "")
    assert "[FAIL] Gateway      not running\n       fix: kruxos serve\n" in done.out
    assert not kruxos.root.exists()


def test_a_directory_that_others_can_read_is_a_finding_and_no_error(kruxos: Kruxos) -> None:
    kruxos.root.mkdir(mode=0o700)
    kruxos.root.chmod(0o777)
    done = kruxos("verify", "--quiet")
    assert (done.code, done.err) == (1, "")
    assert re.match(r"\[FAIL\] Files  \S+data .*\n       fix: ", done.out)


@pytest.mark.real
def test_beside_a_gateway_everything_passes(
    serving: Callable[[str], tuple[Kruxos, Gateway]], upstream: Upstream
) -> None:
    kruxos, gateway = serving(MODELS.format(root=upstream.root))
    gateway.wait_ready("fast")
    asked_before = len(upstream.seen)
    done = kruxos("verify", "--providers")
    assert (done.code, done.err) == (0, ""), done.out
    for name in ("Gateway", "models.yaml", "Files", "Agents' socket", "Control socket", "Vault", "Ledger", "Clock"):
        assert re.search(rf"^\[PASS\] {name} ", done.out, re.MULTILINE), done.out
    assert re.search(r"^\[PASS\] fast +needs no key, worker ready$", done.out, re.MULTILINE)
    assert re.search(r"^\[PASS\] fast \(network\) +takes connections$", done.out, re.MULTILINE)
    assert re.search(r"^\[PASS\] fast \(models\) +its own list has 2 models$", done.out, re.MULTILINE)
    quiet = kruxos("verify", "--quiet")
    assert (quiet.code, quiet.out) == (0, "")
    assert json.loads(kruxos.well("verify", "--json"))["ok"] is True
    assert len(upstream.seen) == asked_before
