"""What a reload has to touch."""

from __future__ import annotations

from kruxos.config.difference import Changes, difference
from kruxos.config.load import load

OLD = """\
providers:
  a: {type: anthropic}
  b: {type: openai}
  c: {type: ollama}
  d: {type: gemini}
defaults: {chat: a, fallback: c}
"""


def test_the_same_file_changes_nothing() -> None:
    assert not difference(load(OLD), load("# comment\n" + OLD))


def test_the_order_and_the_spelling_are_no_change() -> None:
    new = "providers:\n  c: {type: local, auth: none}\n" + OLD.partition("\n")[2].replace("  c: {type: ollama}\n", "")
    assert not difference(load(OLD), load(new))


def test_added_changed_and_removed_providers_are_told_apart() -> None:
    new = OLD.replace("  d: {type: gemini}\n", "  e: {type: gemini}\n").replace("openai}", "openai, model: m}")
    assert difference(load(OLD), load(new)) == Changes(added=("e",), changed=("b",), removed=("d",))


def test_a_moved_destination_is_told_whatever_moved_it() -> None:
    for moved in ("base_url: https://b.example/v1", "proxy: http://p", "ca_bundle: /ca.pem"):
        new = OLD.replace("{type: openai}", f"{{type: openai, {moved}}}")
        assert difference(load(OLD), load(new)) == Changes(changed=("b",), destination_moved=("b",))


def test_another_path_on_the_same_host_is_no_move() -> None:
    old = OLD.replace("{type: openai}", "{type: openai, base_url: https://b.example/v1}")
    assert difference(load(old), load(old.replace("/v1", "/v2"))) == Changes(changed=("b",))


def test_a_proxy_for_everybody_moves_everybody_who_goes_out() -> None:
    changes = difference(load(OLD), load(OLD + "proxy: http://p\n"))
    assert changes == Changes(changed=("a", "b", "d"), destination_moved=("a", "b", "d"))


def test_defaults_and_the_gateways_own_fields() -> None:
    new = OLD.replace("fallback: c", "fallback: b") + "isolation: required\nhttp: {enabled: true}\n"
    assert difference(load(OLD), load(new)) == Changes(
        changed=("a", "b", "c", "d"), defaults_changed=("fallback",), gateway_changed=("isolation", "http")
    )
