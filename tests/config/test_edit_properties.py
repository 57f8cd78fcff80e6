"""What every edit keeps, over random files: the comments, the other lines, and the meaning of all else."""

from __future__ import annotations

from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kruxos.config import edit
from kruxos.config.load import load
from kruxos.config.model import ROLE_NAMES, Defaults, Provider, RoleName
from kruxos.config.problems import ConfigError, Problem
from tests.config.documents import FIELDS, LABELS, Document, comments, documents, flow, is_subsequence

many = settings(max_examples=60, deadline=None)


def provider_of(name: str, fields: dict[str, Any]) -> Provider:
    """What a file with this one provider says."""
    return load(f'providers: {{"{name}": {flow(fields)}}}').providers[name]


def lines_outside(document: Document, *words: str) -> list[str]:
    """The lines of the file that hold none of the words."""
    return [line for line in document.text.splitlines() if not any(word in line for word in words)]


@many
@given(documents())
def test_the_generator_writes_what_it_says(document: Document) -> None:
    config = load(document.text)
    assert dict(config.providers) == {name: provider_of(name, fields) for name, fields in document.providers.items()}
    assert config.defaults == Defaults(**document.defaults)
    assert comments(document.text) == list(document.owners)


@many
@given(documents(), FIELDS)
def test_adding_a_provider_keeps_every_line_and_adds_that_one(document: Document, fields: dict[str, Any]) -> None:
    new = edit.add_provider(document.text, "added", fields)
    before, after = load(document.text), load(new)
    assert dict(after.providers) == {**before.providers, "added": provider_of("added", fields)}
    assert list(after.providers)[-1] == "added"
    assert after.defaults == before.defaults
    assert comments(new) == comments(document.text)
    assert is_subsequence(lines_outside(document, "providers:"), new.splitlines())
    assert ("\r\n" in new) == ("\r\n" in document.text) or "\n" not in document.text


@many
@given(documents(), FIELDS)
def test_adding_and_removing_a_provider_gives_the_file_back(document: Document, fields: dict[str, Any]) -> None:
    assume(document.providers)
    added = edit.add_provider(document.text, "added", fields)
    assert edit.remove_provider(added, "added").rstrip("\r\n") == document.text.rstrip("\r\n")


@many
@given(documents(least=1), st.data())
def test_removing_a_provider_takes_its_block_and_its_defaults_and_nothing_else(
    document: Document, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(document.providers)))
    new = edit.remove_provider(document.text, name)
    before, after = load(document.text), load(new)
    assert dict(after.providers) == {key: value for key, value in before.providers.items() if key != name}
    for role in ROLE_NAMES:
        assert after.defaults.for_role(role) in (before.defaults.for_role(role), None)
        assert after.defaults.for_role(role) != name
    in_defaults = [role for role, to in document.defaults.items() if to == name]
    lost = set(comments(document.text)) - set(comments(new))
    on_default_lines = {
        c for line in document.text.splitlines() for c in comments(line) if any(r in line for r in in_defaults)
    }
    assert all(document.owners[comment] == name for comment in lost - on_default_lines)
    assert is_subsequence(comments(new), comments(document.text))


SCALARS = st.one_of(
    st.tuples(
        st.just("label"), st.sampled_from(LABELS) | st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
    ),
    st.tuples(st.just("model"), st.sampled_from(("new-model", "5", "true", "null", "x: y"))),
    st.tuples(st.just("enabled"), st.booleans()),
    st.tuples(st.just("limits"), st.just({"requests_per_minute": 60})),
)


@many
@given(documents(least=1), SCALARS, st.data())
def test_setting_a_field_changes_that_field_alone(
    document: Document, change: tuple[str, Any], data: st.DataObject
) -> None:
    key, value = change
    assume(not isinstance(value, str) or (value.strip() and value.isprintable()))
    name = data.draw(st.sampled_from(sorted(document.providers)))
    new = edit.set_field(document.text, name, key, value)
    before, after = load(document.text), load(new)
    wanted = provider_of(name, {k: v for k, v in document.providers[name].items() if k != key})
    assert {n: p for n, p in after.providers.items() if n != name} == {
        n: p for n, p in before.providers.items() if n != name
    }
    got = after.providers[name]
    assert (got.limits.requests_per_minute if key == "limits" else getattr(got, key)) == (
        60 if key == "limits" else value
    )
    assert edit.remove_field(new, name, key) is not None
    assert load(edit.remove_field(new, name, key)).providers[name] == wanted
    lost = set(comments(document.text)) - set(comments(new))
    assert all(document.owners[comment] == name for comment in lost)
    assert not lost or key == "limits"


@many
@given(documents(least=1), st.sampled_from(ROLE_NAMES), st.data())
def test_setting_a_default_changes_that_role_alone(document: Document, role: RoleName, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(document.providers)))
    new = edit.set_default(document.text, role, name)
    before, after = load(document.text), load(new)
    assert after.providers == before.providers
    assert after.defaults == Defaults(**{**document.defaults, role: name})
    assert comments(new) == comments(document.text)
    assert is_subsequence(lines_outside(document, "defaults:", role), new.splitlines())
    assert load(edit.set_default(new, role, None)).defaults.for_role(role) is None


def problems_of(text: str) -> tuple[Problem, ...]:
    """What loading says about a text; any exception but ``ConfigError`` goes on."""
    try:
        return load(text).hints
    except ConfigError as error:
        return error.problems or (Problem(0, 0, "", "a refusal without a reason"),)


@many
@given(documents(), st.text(max_size=200))
def test_any_text_at_all_is_loaded_or_refused_with_problems_that_have_a_place(document: Document, noise: str) -> None:
    for text in (noise, document.text + noise, noise + document.text):
        assert all(problem.line >= 1 and problem.column >= 1 and problem.message for problem in problems_of(text))
