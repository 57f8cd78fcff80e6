"""Edits to the byte: what a person's file looks like before and after."""

from __future__ import annotations

from typing import Any

import pytest

from kruxos.config import edit
from kruxos.config.load import load
from kruxos.config.models_file import default_text
from kruxos.config.problems import ConfigError, EditError
from kruxos.config.surgery import drop

FIELDS = {"type": "openai", "base_url": "https://x.y/v1", "model": "m:1", "label": "A: b #c"}
BLOCK = '  new:\n    type: openai\n    base_url: https://x.y/v1\n    model: m:1\n    label: "A: b #c"\n'
FLOW = 'new: {type: openai, base_url: https://x.y/v1, model: m:1, label: "A: b #c"}'

MIXED = """\
providers:
    a:   # first
        type: anthropic
        label: x   # l

    # about b
    b: {type: openai,  # t
        model: x  # m
    }
defaults: {chat: a}"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", f"providers:\n{BLOCK}"),
        ("# c", f"# c\nproviders:\n{BLOCK}"),
        ("# c\n\n", f"# c\n\nproviders:\n{BLOCK}"),
        ("---\n", f"---\nproviders:\n{BLOCK}"),
        ("providers:", f"providers:\n{BLOCK[:-1]}"),
        ("providers: {}  # none\n# end", f"providers:  # none\n{BLOCK}# end"),
        ("providers: ~\n", f"providers:\n{BLOCK}"),
        ("isolation: off\n", f"isolation: off\nproviders:\n{BLOCK}"),
        ("providers: { # why\n}\n", "providers: {providers_new # why\n}\n".replace("providers_new", FLOW)),
        ("{}", f"{{providers: {{{FLOW}}}}}"),
        ("{providers: }", f"{{providers: {{{FLOW}}} }}"),
        ("providers: {a: {type: ollama}}\n", f"providers: {{a: {{type: ollama}}, {FLOW}}}\n"),
        ("providers: {a: {type: ollama},}\n", f"providers: {{a: {{type: ollama}}, {FLOW},}}\n"),
        (
            '{\n  "providers": {\n    "a": {"type": "ollama"}  # c\n  }\n}\n',
            f'{{\n  "providers": {{\n    "a": {{"type": "ollama"}},  # c\n    {FLOW}\n  }}\n}}\n',
        ),
        (
            "providers: {\n  a: {type: ollama},  # c\n}\n",
            f"providers: {{\n  a: {{type: ollama}},  # c\n  {FLOW}\n}}\n",
        ),
    ],
)
def test_adding_a_provider_to_any_kind_of_file(before: str, after: str) -> None:
    assert edit.add_provider(before, "new", FIELDS) == after


def test_windows_line_ends_stay_windows_line_ends() -> None:
    added = edit.add_provider("# c\r\nproviders:\r\n  a: {type: ollama}\r\n", "new", FIELDS)
    assert added == "# c\r\nproviders:\r\n  a: {type: ollama}\r\n" + BLOCK.replace("\n", "\r\n")
    assert edit.remove_provider(added, "new") == "# c\r\nproviders:\r\n  a: {type: ollama}\r\n"


def test_the_files_own_indentation_is_kept() -> None:
    wider = "\n".join(" " * (2 * (len(line) - len(line.lstrip()))) + line.lstrip() for line in BLOCK.splitlines())
    assert edit.add_provider(MIXED, "new", FIELDS) == MIXED.replace("\ndefaults", f"\n{wider}\ndefaults")


def test_the_first_provider_of_the_shipped_file_stands_before_the_examples() -> None:
    new = edit.add_provider(default_text(), "new", FIELDS)
    assert new == default_text().replace("providers:\n", f"providers:\n{BLOCK}", 1)


def test_a_provider_that_is_there_is_not_added_again() -> None:
    with pytest.raises(EditError, match="there is a provider `a` already"):
        edit.add_provider(MIXED, "a", FIELDS)


def test_a_provider_that_would_not_load_is_not_added() -> None:
    with pytest.raises(ConfigError, match="base_url: must begin with"):
        edit.add_provider(MIXED, "new", {**FIELDS, "base_url": "x"})


@pytest.mark.parametrize(
    ("provider", "key", "value", "old", "new"),
    [
        ("a", "label", "new", "label: x   # l", "label: new   # l"),
        ("a", "label", "no", "label: x   # l", 'label: "no"   # l'),
        ("a", "model", "m", "label: x   # l\n", "label: x   # l\n        model: m\n"),
        ("a", "limits", {"concurrency": 3}, "# l\n", "# l\n        limits:\n            concurrency: 3\n"),
        ("b", "model", "z", "model: x  # m", "model: z  # m"),
        ("b", "enabled", False, "model: x  # m", "model: x,  # m\n        enabled: false"),
        ("b", "limits", {"concurrency": 3}, "model: x  # m", "model: x,  # m\n        limits: {concurrency: 3}"),
    ],
)
def test_setting_a_field_touches_that_field(provider: str, key: str, value: Any, old: str, new: str) -> None:
    assert edit.set_field(MIXED, provider, key, value) == MIXED.replace(old, new)


LONG = """\
providers:
  a:
    type: ollama
    limits:  # careful
      concurrency: 2  # two
      # more
    # of the provider
    label: >-
      folded
      text
    model:
      on-its-own-line
    auth:
"""


@pytest.mark.parametrize(
    ("key", "value", "old", "new"),
    [
        ("limits", {"concurrency": 4}, "concurrency: 2  # two\n      # more", "concurrency: 4"),
        ("label", "plain", ">-\n      folded\n      text", "plain"),
        ("model", "m", "\n      on-its-own-line", " m"),
        ("auth", "none", "auth:", "auth: none"),
        ("type", "openai", "type: ollama", "type: openai"),
    ],
)
def test_setting_a_field_that_takes_several_lines(key: str, value: Any, old: str, new: str) -> None:
    assert edit.set_field(LONG, "a", key, value) == LONG.replace(old, new)


def test_removing_a_field_takes_its_lines() -> None:
    assert edit.remove_field(MIXED, "a", "label") == MIXED.replace("        label: x   # l\n", "")
    assert edit.remove_field(MIXED, "b", "model") == MIXED.replace("model: x  # m", "  # m")
    assert edit.remove_field(LONG, "a", "limits") == LONG.replace(
        "    limits:  # careful\n      concurrency: 2  # two\n      # more\n", ""
    )


def test_removing_what_is_not_there_is_refused() -> None:
    with pytest.raises(EditError, match=r"does not have providers\.a\.model written out"):
        edit.remove_field(MIXED, "a", "model")
    with pytest.raises(EditError, match="there is no provider `c`"):
        edit.remove_provider(MIXED, "c")
    with pytest.raises(EditError, match="there is no provider `c`"):
        edit.set_field(MIXED, "c", "model", "m")


def test_removing_a_provider_takes_its_block_and_the_defaults_that_name_it() -> None:
    start, end = MIXED.index("    a:"), MIXED.index("\n    # about b")
    assert edit.remove_provider(MIXED, "a") == (MIXED[:start] + MIXED[end:]).replace("{chat: a}", "{}")
    assert edit.remove_provider(MIXED, "b") == MIXED.replace(MIXED[MIXED.index("    b:") : MIXED.index("defaults")], "")


def test_comments_under_a_removed_provider_go_with_it_when_they_are_indented_as_its_own() -> None:
    text = "providers:\n  a:\n    type: ollama\n    # of a\n  # of nobody\n  b: {type: ollama}\n"
    assert edit.remove_provider(text, "a") == "providers:\n  # of nobody\n  b: {type: ollama}\n"


def test_setting_and_removing_a_default() -> None:
    assert edit.set_default(MIXED, "chat", "b") == MIXED.replace("{chat: a}", "{chat: b}")
    assert edit.set_default(MIXED, "fallback", "b") == MIXED.replace("{chat: a}", "{chat: a, fallback: b}")
    assert edit.set_default(MIXED, "chat", None) == MIXED.replace("{chat: a}", "{}")
    assert edit.set_default(MIXED, "fallback", None) == MIXED
    assert edit.set_default("providers: {a: {type: ollama}}\n", "chat", "a") == (
        "providers: {a: {type: ollama}}\ndefaults:\n  chat: a\n"
    )


def test_a_byte_order_mark_stays_where_it_is() -> None:
    text = "\ufeffdefaults: {chat: a}\nproviders:\n  a: {type: ollama}\n"
    assert edit.set_default(text, "chat", None) == text.replace("{chat: a}", "{}")
    assert edit.remove_provider(text, "a") == "\ufeffdefaults: {}\nproviders:\n"
    assert drop(text, ("defaults",)) == "\ufeffproviders:\n  a: {type: ollama}\n"


def test_a_default_must_name_a_provider() -> None:
    with pytest.raises(ConfigError, match=r"defaults\.chat: there is no provider of this name"):
        edit.set_default(MIXED, "chat", "nobody")


SHARED = "providers:\n  a: &a {type: anthropic}\n  b: *a\n  c:\n    <<: *a\n    label: c\n"


def test_a_provider_that_others_take_over_is_not_changed_behind_their_back() -> None:
    with pytest.raises(EditError, match="would change more"):
        edit.set_field(SHARED, "a", "label", "x")
    with pytest.raises(EditError, match="would change more"):
        edit.remove_provider(SHARED, "a")
    with pytest.raises(EditError, match=r"providers\.b written out"):
        edit.set_field(SHARED, "b", "label", "x")
    with pytest.raises(EditError, match=r"providers\.c\.type written out"):
        edit.remove_field(SHARED, "c", "type")


def test_what_a_provider_takes_over_can_be_overruled_in_it() -> None:
    new = edit.set_field(SHARED, "c", "model", "m")
    assert new == SHARED.replace("label: c\n", "label: c\n    model: m\n")
    assert edit.remove_provider(SHARED, "b") == SHARED.replace("  b: *a\n", "")
    assert load(new).providers["a"].model is None


def test_a_layout_that_was_not_thought_of_is_left_to_its_author() -> None:
    explicit = "providers:\n  ? a\n  : type: ollama\n"
    assert list(load(explicit).providers) == ["a"]
    with pytest.raises(EditError):
        edit.remove_provider(explicit, "a")
    with pytest.raises(EditError):
        edit.add_provider(explicit, "b", {"type": "ollama"})


def test_a_file_that_is_no_yaml_is_not_edited() -> None:
    with pytest.raises(ConfigError, match="a quote is never closed"):
        edit.add_provider("a: 'x\n", "new", FIELDS)
