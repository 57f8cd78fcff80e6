"""Schemas cut down keep their meaning where they can, and tell what they lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kruxos.dialects.schemas import GOOGLE, LOST_MAX, reduced


@pytest.mark.parametrize(
    ("schema", "kept"),
    [
        ({"const": "a"}, {"type": "string", "enum": ["a"]}),
        ({"const": 1, "type": "number"}, {"type": "number", "enum": [1]}),
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "string", "nullable": False}, {"type": "string"}),
        ({"allOf": [{"required": ["a"]}], "required": ["b"]}, {"required": ["b", "a"]}),
        ({"allOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}]}, {"properties": {"a": {}, "b": {}}}),
        ({"allOf": [{"$ref": "#/$defs/A"}]}, {"$ref": "#/$defs/A"}),
        ({"definitions": {"A": {}}, "$ref": "#/definitions/A"}, {"$defs": {"A": {}}, "$ref": "#/$defs/A"}),
        ({"items": [{"type": "string"}]}, {"prefixItems": [{"type": "string"}]}),
        ({"properties": {"pattern": {"type": "string"}}}, {"properties": {"pattern": {"type": "string"}}}),
        ({"properties": {"a": True}}, {"properties": {"a": {}}}),
        ({"additionalProperties": False}, {"additionalProperties": False}),
        ({"$schema": "x", "examples": [1], "default": 2, "type": "integer"}, {"type": "integer"}),
        ({"$ref": "#/$defs/A", "description": "d"}, {"$ref": "#/$defs/A"}),
    ],
)  # fmt: skip
def test_what_can_be_said_in_other_words_is_not_lost(schema: dict[str, Any], kept: dict[str, Any]) -> None:
    assert reduced(schema) == (kept, [])


@pytest.mark.parametrize(
    ("schema", "lost"),
    [
        ({"properties": {"a": {"not": {"type": "string"}}}}, "/properties/a/not"),
        ({"items": {"patternProperties": {}}}, "/items/patternProperties"),
        ({"anyOf": [{}, {"if": {}}]}, "/anyOf/1/if"),
        ({"enum": ["a", True]}, "/enum"),
        ({"properties": {"a": False}}, "/properties/a"),
        ({"allOf": [{"type": "string"}], "type": "object"}, "/allOf/0/type"),
        ({"$ref": "#/$defs/A", "minItems": 1}, "/minItems"),
    ],
)
def test_what_is_lost_is_told_by_its_path(schema: dict[str, Any], lost: str) -> None:
    assert reduced(schema)[1] == [lost]


def test_a_bound_without_a_keyword_is_told_to_the_model_in_words() -> None:
    kept, lost = reduced({"type": "string", "description": "A code.", "pattern": "^a$", "maxLength": 3})
    assert kept == {"type": "string", "description": 'A code. (pattern: "^a$", maxLength: 3)'}
    assert lost == ["/pattern", "/maxLength"]


def test_the_given_schema_stays_as_it_is() -> None:
    schema = {"allOf": [{"properties": {"a": {"const": 1}}}], "properties": {"b": {"pattern": "x"}}}
    before = json.dumps(schema)
    reduced(schema)
    assert json.dumps(schema) == before


def test_the_list_of_what_is_lost_has_an_end() -> None:
    _, lost = reduced({"properties": {f"p{number}": {"not": {}} for number in range(100)}})
    assert len(lost) == LOST_MAX


def test_a_schema_that_is_nested_too_deep_is_cut_and_told() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(100):
        schema = {"type": "array", "items": schema}
    _, lost = reduced(schema)
    assert len(lost) == 1


NAMES = st.sampled_from(
    [*sorted(GOOGLE), "allOf", "const", "not", "pattern", "nullable", "definitions", "default", "if", "format"]
)
SCHEMAS = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["string", "#/definitions/A"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(NAMES, SCHEMAS, max_size=5))
def test_no_schema_makes_it_raise_and_only_known_keywords_come_out(schema: dict[str, Any]) -> None:
    kept, _ = reduced(schema)
    assert kept.keys() <= GOOGLE
    assert reduced(kept)[0] == kept
