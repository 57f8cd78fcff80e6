"""``isolation:`` in models.yaml, for all providers and for one."""

from __future__ import annotations

import pytest

from kruxos.config.difference import difference
from kruxos.config.load import load
from kruxos.config.problems import ConfigError

PROVIDERS = """\
providers:
  a:
    type: anthropic
  b:
    type: anthropic
    isolation: off
"""


def test_best_effort_is_the_default_and_a_provider_may_differ_from_the_rest() -> None:
    words = {name: each.isolation for name, each in load(PROVIDERS).providers.items()}
    assert words == {"a": "best_effort", "b": "off"}
    strict = load(f"isolation: required\n{PROVIDERS}")
    assert {name: each.isolation for name, each in strict.providers.items()} == {"a": "required", "b": "off"}


def test_what_all_providers_get_changes_those_that_say_nothing_themselves() -> None:
    changes = difference(load(PROVIDERS), load(f"isolation: required\n{PROVIDERS}"))
    assert (changes.changed, changes.gateway_changed) == (("a",), ("isolation",))
    assert changes.destination_moved == ()


def test_another_word_is_told_with_its_line() -> None:
    with pytest.raises(ConfigError) as caught:
        load(PROVIDERS.replace("isolation: off", "isolation: require"))
    (problem,) = caught.value.problems
    assert str(problem).startswith("line 6, column 5: providers.b.isolation: this value is not one of those allowed")
    assert "did you mean `required`?" in str(problem)
