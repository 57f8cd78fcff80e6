"""Schemas that providers keep to are closed, and what that changes is told; tools have one object at their top."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kruxos.dialects.encoding import Draft
from kruxos.dialects.strictness import closed, plain_at_top
from kruxos.dialects.structured import anthropic_strict, openai_strict
from tests.dialects.support import ask, codes, target
from tests.simulator.conversations import closed_schemas, open_schemas

TEXT = {"type": "string"}
A = {"a": TEXT}


def shut(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False} | more


@given(closed_schemas())
def test_what_is_closed_already_stays_as_it_is(schema: dict[str, Any]) -> None:
    assert closed(schema, all_required=True).schema == schema


@given(closed_schemas() | open_schemas())
def test_closing_twice_changes_nothing_and_the_given_schema_stays(schema: dict[str, Any]) -> None:
    before = json.dumps(schema)
    once = closed(schema, all_required=True)
    again = closed(once.schema, all_required=True)
    assert (again.schema, again.maps, again.nullable) == (once.schema, [], [])
    assert json.dumps(schema) == before


@pytest.mark.parametrize(
    ("schema", "expected", "maps"),
    [
        ({"type": "object"}, shut({}), []),
        ({"type": "object", "properties": A}, shut(A), []),
        ({"type": "object", "additionalProperties": True, "properties": A}, shut(A), ["/"]),
        ({"properties": {"m": {"type": "object"}}}, {"properties": {"m": shut({})}, "additionalProperties": False},
         ["/properties/m"]),
        ({"type": "array", "items": {"type": "object", "additionalProperties": TEXT}},
         {"type": "array", "items": shut({})}, ["/items"]),
        ({"anyOf": [{"type": ["object", "null"], "properties": A}]},
         {"anyOf": [shut(A) | {"type": ["object", "null"]}]}, []),
        ({"$ref": "#/$defs/D", "$defs": {"D": {"type": "object", "properties": A}}},
         {"$ref": "#/$defs/D", "$defs": {"D": shut(A)}}, []),
    ],
)  # fmt: skip
def test_every_object_is_closed_and_maps_are_named(
    schema: dict[str, Any], expected: dict[str, Any], maps: list[str]
) -> None:
    result = closed(schema)
    assert (result.schema, result.maps) == (expected, maps)


@pytest.mark.parametrize(
    ("optional", "nullable"),
    [
        (TEXT, {"type": ["string", "null"]}),
        ({"type": ["string", "null"]}, {"type": ["string", "null"]}),
        ({"type": "string", "enum": ["a"]}, {"type": ["string", "null"], "enum": ["a", None]}),
        ({"$ref": "#/$defs/D"}, {"anyOf": [{"$ref": "#/$defs/D"}, {"type": "null"}]}),
        ({"enum": [1]}, {"anyOf": [{"enum": [1]}, {"type": "null"}]}),
        ({}, {}),
    ],
)  # fmt: skip
def test_what_was_optional_is_required_and_may_be_null(optional: dict[str, Any], nullable: dict[str, Any]) -> None:
    result = closed({"type": "object", "properties": A | {"b": optional}, "required": ["a"]}, all_required=True)
    assert result.schema == shut(A | {"b": nullable}, required=["a", "b"])
    assert result.nullable == ["/properties/b"]


def draft() -> Draft:
    return Draft.of(ask(), target("openai", "gpt-5.4"))


def test_a_schema_that_strict_mode_cannot_say_goes_without_the_promise() -> None:
    one = draft()
    assert openai_strict(one, {"type": "object", "properties": {"m": {"type": "object"}}}, "p") is None
    assert openai_strict(one, {"type": "object", "properties": A, "patternProperties": {}}, "p") is None
    assert codes(one.notices) == ["parameter_dropped", "parameter_dropped"]


def test_sums_of_schemas_become_one_and_choices_keep_their_meaning() -> None:
    one = draft()
    kept = openai_strict(one, {"allOf": [{"type": "object", "properties": A, "required": ["a"]}]}, "p")
    assert kept == shut(A, required=["a"])
    kept = openai_strict(one, {"type": "object", "properties": {"a": {"oneOf": [TEXT]}}, "required": ["a"]}, "p")
    assert kept == shut({"a": {"anyOf": [TEXT]}}, required=["a"])
    assert one.notices == []


def test_anthropic_speaks_of_bounds_and_closes_maps_of_an_answer() -> None:
    one = draft()
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "additionalProperties": True}
    kept = anthropic_strict(one, schema, "p")
    assert kept["additionalProperties"] is False
    assert "minimum" not in kept["properties"]["n"]
    assert codes(one.notices) == ["schema_reduced", "schema_closed"]


@pytest.mark.parametrize(
    ("schema", "properties", "required", "lost"),
    [
        ({"anyOf": [{"required": ["a"]}, {"required": ["b"]}], "properties": A}, A, None, ["anyOf"]),
        ({"oneOf": [shut(A, required=["a"]), shut(A | {"b": TEXT}, required=["a", "b"])]}, A | {"b": TEXT}, ["a"],
         ["oneOf"]),
        ({"allOf": [shut(A, required=["a"]), {"properties": {"b": TEXT}}]}, A | {"b": TEXT}, ["a"], []),
        ({"anyOf": [shut(A, required=["a"])]}, A, ["a"], []),
        ({"anyOf": [{"properties": A}, {"properties": {"a": {"type": "integer"}}}]},
         {"a": {"anyOf": [TEXT, {"type": "integer"}]}}, None, ["anyOf"]),
        ({"oneOf": [{"$ref": "#/$defs/D"}], "$defs": {"D": shut(A, required=["a"])}}, A, ["a"], []),
        ({"not": {}, "enum": [1], "properties": A}, A, None, ["enum", "not"]),
    ],
)  # fmt: skip
def test_a_tools_schema_is_one_object_and_what_it_lost_is_spoken_of(
    schema: dict[str, Any], properties: dict[str, Any], required: list[str] | None, lost: list[str]
) -> None:
    plain, told = plain_at_top({"type": "object"} | schema)
    assert plain.get("properties") == properties
    assert plain.get("required") == required
    assert told == lost
    assert ("description" in plain) is bool(lost)
    assert not {"anyOf", "oneOf", "allOf", "enum", "not"} & set(plain)


def test_a_tools_schema_that_refers_to_itself_comes_to_an_end() -> None:
    schema = {"type": "object", "allOf": [{"$ref": "#"}, {"$ref": "#"}], "anyOf": [{"$ref": "#"}, {"$ref": "#"}]}
    assert set(plain_at_top(schema)[0]) == {"type", "properties", "description"}


WORDS = ["type", "properties", "anyOf", "allOf", "oneOf", "items", "$ref", "required", "enum", "$defs"]
ODD: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.just({}),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=10,
)


@given(ODD)
def test_no_schema_is_too_odd(value: Any) -> None:
    schema = value if isinstance(value, dict) else {"properties": value}
    closed(plain_at_top(schema)[0], all_required=True)
