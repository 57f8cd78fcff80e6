"""What `kruxos status` shows, as a function of what the gateway said."""

from __future__ import annotations

import dataclasses
from typing import Any

from kruxos.cli import status_view
from kruxos.cli.terminal import Terminal, width_of
from kruxos.service.status import GatewayStatus, WorkerStatus

NOW = 1_795_000_000.0


def worker(name: str, state: str = "ready", **more: Any) -> dict[str, Any]:
    known: dict[str, Any] = {
        "provider": name,
        "type": "openai",
        "model": "m",
        "state": state,
        "reason": "",
        "since": NOW - 192,
        "pid": 4711 if state == "ready" else None,
        "restarts": 0,
        "last_exit": "",
        "in_flight": 0,
        "draining": 0,
        "cooling_until": None,
        "cooling_reason": None,
        "last_error": "",
        "last_error_at": None,
        "rss_bytes": 23_400_000 if state == "ready" else 0,
        "memory_max_bytes": 2**30,
    }
    return known | more


def test_memory_is_shown_beside_its_cap_once_that_is_near() -> None:
    shown = [
        status_view.worker_lines([worker("w", rss_bytes=held)], NOW, Terminal())[1].split("  ")[-1].strip()
        for held in (23_400_000, 600 * 2**20, 1100 * 2**20)
    ]
    assert shown == ["23 MB", "629 MB of 1.1 GB", "1.2 GB of 1.1 GB"]


def gateway(*workers: dict[str, Any], **more: Any) -> dict[str, Any]:
    known: dict[str, Any] = {
        "running": True,
        "version": "0.1.0",
        "pid": 4700,
        "started_at": NOW - 13_320,
        "data_directory": "/data/kruxos",
        "draining": False,
        "vault": {"state": "unlocked", "key_kept_in": "the file /data/kruxos/vault.key", "records": 2, "reason": ""},
        "defaults": {"chat": "claude-api"},
        "workers": list(workers),
        "agents": 2,
        "sessions": 1,
        "calls": 3,
        "launcher_pid": 4701,
        "launcher_restarts": 0,
        "config_problem": "",
        "notices": [],
    }
    return known | more


def lines(status: dict[str, Any], terminal: Terminal | None = None) -> list[str]:
    return status_view.status_lines(status, NOW, terminal or Terminal())


def todo(*workers: dict[str, Any], **more: Any) -> list[str]:
    shown = lines(gateway(*workers, **more))
    return shown[shown.index("To do:") + 1 :] if "To do:" in shown else []


def test_where_all_is_well_it_says_so_by_saying_nothing_more() -> None:
    assert lines(gateway(worker("claude-api", in_flight=3), worker("local-default"))) == [
        "KruxOS v0.1.0",
        "────────────────────────────────────────────────",
        "Gateway:  running (pid 4700)",
        "Vault:    unlocked, key kept in the file /data/kruxos/vault.key",
        "Agents:   2 registered, 1 connected",
        "Defaults: chat claude-api",
        "Calls:    3 under way",
        "Uptime:   3h 42m",
        "Data:     /data/kruxos",
        "",
        "PROVIDER       STATE   PID   SINCE  RESTARTS  IN FLIGHT  COOLING UNTIL  LAST ERROR  MEMORY",
        "claude-api     ready  4711  3m 12s  0                 3  -              -            23 MB",
        "local-default  ready  4711  3m 12s  0                 0  -              -            23 MB",
    ]


def test_each_workers_restarts_errors_and_waits_are_in_its_row() -> None:
    restarted = worker("a", restarts=2, last_exit="killed by SIGKILL", draining=1)
    cooling = worker("b", cooling_until=NOW + 60, cooling_reason="rate_limited")
    failed = worker("c", last_error="provider_timeout", last_error_at=NOW - 5)
    rows = status_view.worker_lines([restarted, cooling, failed], NOW, Terminal())
    assert "ready +1 draining" in rows[1]
    assert "2 (killed by SIGKILL)" in rows[1]
    assert "(rate limited)" in rows[2]
    assert "provider timeout, 5s ago" in rows[3]


def test_a_prompt_cache_that_was_missed_lately_is_told_with_its_cause() -> None:
    last = {"agent": "code-bot", "at": NOW - 5, "cause": "clock"}
    cache = {"counts": {"expected": 9, "hits": 5, "missed": 4}, "last_miss": last}
    (line,) = todo(worker("a", cache=cache))
    assert "4 of 9 prompt cache hits that were expected were missed" in line
    assert "code-bot, 5s ago: clock" in line
    assert todo(worker("a", cache=cache | {"last_miss": last | {"at": NOW - 86_400}})) == []


def test_what_is_not_fine_is_told_with_what_mends_it() -> None:
    assert todo(worker("deepseek", "failed", reason="no_credentials")) == [
        "  deepseek: no credentials configured",
        "    fix: kruxos vault add model-provider:deepseek api-key",
    ]
    assert todo(worker("deepseek", "failed", reason="destination_changed"))[-1] == (
        "    fix: check base_url in models.yaml, then: kruxos model confirm deepseek"
    )
    assert todo(worker("deepseek", "stopped", reason="stopped by operator"))[-1] == (
        "    fix: kruxos worker start deepseek"
    )
    assert todo(worker("deepseek", "backoff", reason="killed by SIGKILL"))[0] == (
        "  deepseek: its worker process keeps ending (killed by SIGKILL)"
    )
    assert todo(worker("deepseek", "failed", reason="ended with 1"))[0] == "  deepseek: ended with 1"


def test_a_locked_vault_is_told_with_its_reason() -> None:
    locked = {
        "state": "locked",
        "key_kept_in": "nothing but the passphrase",
        "records": 1,
        "reason": "has a passphrase",
    }
    assert todo(worker("a"), vault=locked) == ["  vault: has a passphrase", "    fix: kruxos vault unlock"]


def test_a_provider_that_asked_to_be_left_alone_is_no_problem_where_another_answers() -> None:
    cooling = worker("a", cooling_until=NOW + 60, cooling_reason="rate_limited")
    assert "kruxos model default fallback NAME" in todo(cooling)[-1]
    assert len(todo(cooling, defaults={"chat": "a", "fallback": "b"})) == 1


def test_a_failed_call_is_worth_advice_while_it_is_recent_and_somebody_can_mend_it() -> None:
    refused = worker("a", last_error="invalid_credentials", last_error_at=NOW - 60)
    assert todo(refused)[0] == "  a: the provider refuses the key (its last call failed 1m ago)"
    assert todo(worker("a", last_error="invalid_credentials", last_error_at=NOW - 3600)) == []
    assert todo(worker("a", last_error="interrupted", last_error_at=NOW - 60)) == []


def test_a_file_that_cannot_be_used_is_told_line_by_line() -> None:
    problem = "models.yaml has 2 problems:\nline 3: x\n  fix: a\nline 9: y\n  fix: b"
    assert todo(worker("a"), config_problem=problem) == [
        "  models.yaml: models.yaml has 2 problems:",
        "    line 3: x",
        "      fix: a",
        "    line 9: y",
        "      fix: b",
    ]


def test_without_providers_or_a_default_the_next_step_is_told() -> None:
    assert todo() == ["  providers: there are none", "    fix: kruxos model add anthropic --auth api-key"]
    assert todo(worker("a"), defaults={})[-1] == "    fix: kruxos model default chat a"


def test_while_the_gateway_is_down_it_shows_what_is_configured() -> None:
    down = {
        "running": False,
        "version": "0.1.0",
        "data_directory": "/data/kruxos",
        "vault": None,
        "defaults": {"chat": "a"},
        "workers": [
            {"provider": "a", "type": "openai", "model": "m", "state": "stopped"},
            {"provider": "b", "type": "ollama", "model": None, "state": "disabled"},
        ],
        "agents": 0,
        "config_problem": "",
        "notices": [],
    }
    assert lines(down)[2:] == [
        "Gateway:  not running",
        "Agents:   0 registered",
        "Defaults: chat a",
        "Data:     /data/kruxos",
        "",
        "PROVIDER  TYPE    MODEL  ENABLED",
        "a         openai  m      yes",
        "b         ollama  -      no",
        "",
        "To do:",
        "  gateway: not running",
        "    fix: kruxos serve",
    ]


def test_it_fits_a_narrow_terminal() -> None:
    status = gateway(
        worker("a-provider-with-a-long-name", restarts=12, last_exit="memory over its cap"),
        worker("b", cooling_until=NOW + 60, cooling_reason="rate_limited"),
    )
    table = lines(status, Terminal(width=100))
    assert max(map(width_of, table)) <= 100


def test_without_unicode_it_is_plain() -> None:
    assert lines(gateway(worker("a")), Terminal(unicode=False))[1] == "-" * 48


def test_what_came_from_elsewhere_gives_the_terminal_no_orders() -> None:
    shown = "\n".join(lines(gateway(worker("a", last_exit="\x1b[2J"), notices=["\x1b]0;x\x07"])))
    assert "\x1b" not in shown


class TestJson:
    def test_it_has_every_documented_key_and_no_other(self) -> None:
        shown = status_view.to_json(gateway(worker("a")) | {"more": 1})
        assert tuple(shown) == status_view.GATEWAY_KEYS
        assert tuple(shown["workers"][0]) == status_view.WORKER_KEYS
        assert tuple(shown["vault"]) == status_view.VAULT_KEYS

    def test_every_key_is_documented_in_the_help(self) -> None:
        keys = (*status_view.GATEWAY_KEYS, *status_view.VAULT_KEYS, *status_view.WORKER_KEYS)
        assert [key for key in keys if key not in status_view.SCHEMA] == []

    def test_the_keys_are_those_that_the_gateway_gives(self) -> None:
        assert {field.name for field in dataclasses.fields(WorkerStatus)} == set(status_view.WORKER_KEYS)
        assert {field.name for field in dataclasses.fields(GatewayStatus)} == {*status_view.GATEWAY_KEYS} - {"running"}

    def test_what_is_not_known_while_the_gateway_is_down_is_null(self) -> None:
        down = {"running": False, "workers": [{"provider": "a", "state": "stopped"}], "vault": None, "agents": 0}
        shown = status_view.to_json(down)
        assert (shown["pid"], shown["vault"], shown["workers"][0]["pid"]) == (None, None, None)


def cage_line(*workers: dict[str, Any]) -> list[str]:
    return [line for line in lines(gateway(*workers)) if line.startswith("Cage")]


def test_the_cage_is_told_in_a_word_and_what_is_missing_by_name() -> None:
    full = {"level": "full", "missing": []}
    partial = {"level": "partial", "missing": ["ports", "files"]}
    assert cage_line(worker("a"), worker("b", isolation={})) == []
    assert cage_line(worker("a", isolation=full), worker("b", isolation=full)) == ["Cage:     full"]
    assert cage_line(worker("a", isolation=partial)) == ["Cage:     partial (missing: ports, files)"]
    assert cage_line(worker("a", isolation=full), worker("b", isolation={"level": "off", "missing": []})) == [
        "Cage:     full for a; off for b"
    ]
    assert cage_line(worker("a", isolation=full), worker("b", "disabled", isolation=partial)) == ["Cage:     full"]
