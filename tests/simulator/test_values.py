"""The small parts: tokens, values after a schema, signatures, models on sale."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kruxos.catalog import Model
from kruxos.messages import Message, Request
from kruxos.simulator import believable, tokens
from kruxos.simulator.fitting import fit
from kruxos.simulator.models import Gone, Shop, Sold
from kruxos.simulator.signing import Signer
from tests.simulator.support import NOW


@given(st.text())
def test_tokens_joined_are_the_text(text: str) -> None:
    assert "".join(tokens.split(text)) == text
    assert tokens.count(text) == len(tokens.split(text))


def test_a_token_is_about_four_characters_of_english() -> None:
    text = " ".join(believable.answer("lighthouses", Random(1), 500).split())
    assert 3 <= len(text) / tokens.count(text) <= 6


def test_a_huge_text_is_estimated() -> None:
    assert tokens.count("a" * (tokens.SPLIT_CHARS_MAX + 4)) == (tokens.SPLIT_CHARS_MAX + 4) // 4


def test_a_request_counts_more_with_every_message() -> None:
    short, long = [Message.of("user", "hi")], [Message.of("user", "hi")] * 2
    assert 0 < tokens.count_request(Request(short)) < tokens.count_request(Request(long))


LOW, SIZE = st.integers(-50, 50), st.integers(0, 9)
LEAF = st.one_of(
    st.builds(lambda low, size: {"type": "integer", "minimum": low, "maximum": low + size}, LOW, SIZE),
    st.builds(lambda low: {"type": "number", "exclusiveMinimum": low, "maximum": low + 10}, LOW),
    st.builds(
        lambda low, size: {"type": "string", "minLength": low, "maxLength": low + size}, st.integers(0, 40), SIZE
    ),
    st.builds(lambda step: {"type": "integer", "multipleOf": step, "minimum": 1}, st.integers(1, 7)),
    st.sampled_from(
        [{"type": "boolean"}, {"type": "null"}, {"const": 3}, {"enum": ["a", 1]}, {"type": ["string", "null"]}]
    ),
    st.sampled_from([{"type": "string", "pattern": "^[a-z]+$"}, {"type": "string", "format": "date"}]),
)


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    named = st.dictionaries(st.text(min_size=1, max_size=5), inner, max_size=3)
    return st.one_of(
        st.builds(lambda found: {"type": "object", "properties": found, "required": list(found)}, named),
        st.builds(lambda of, low: {"type": "array", "items": of, "minItems": low}, inner, st.integers(0, 3)),
        st.builds(lambda each: {"anyOf": each}, st.lists(inner, min_size=1, max_size=2)),
        st.builds(lambda found: {"allOf": [{"properties": found}, {"required": list(found)}]}, named),
    )


PLAIN = st.recursive(LEAF, _nested, max_leaves=6)
SCHEMAS = PLAIN | st.builds(lambda of: {"$ref": "#/$defs/it", "$defs": {"it": of}}, PLAIN)
TYPES: dict[str, tuple[type, ...]] = {
    "integer": (int,), "number": (int, float), "string": (str,), "boolean": (bool,), "null": (type(None),),
    "object": (dict,), "array": (list,),
}  # fmt: skip
CHECKS: dict[str, Callable[[Any, Any], bool]] = {
    "const": lambda wanted, value: value == wanted,
    "enum": lambda wanted, value: value in wanted,
    "minimum": lambda wanted, value: value >= wanted,
    "maximum": lambda wanted, value: value <= wanted,
    "exclusiveMinimum": lambda wanted, value: value > wanted,
    "multipleOf": lambda wanted, value: value % wanted == 0,
    "minLength": lambda wanted, value: len(value) >= wanted,
    "maxLength": lambda wanted, value: len(value) <= wanted,
    "minItems": lambda wanted, value: len(value) >= wanted,
    "required": lambda wanted, value: set(wanted) <= set(value),
    "pattern": lambda wanted, value: re.search(wanted, value) is not None,
    "format": lambda _, value: bool(date.fromisoformat(value)),
    "items": lambda wanted, value: all(fits(wanted, each) for each in value),
    "properties": lambda wanted, value: all(fits(wanted[name], value[name]) for name in value if name in wanted),
    "anyOf": lambda wanted, value: any(fits(each, value) for each in wanted),
    "allOf": lambda wanted, value: all(fits(each, value) for each in wanted),
    "type": lambda wanted, value: any(_is(kind, value) for kind in ([wanted] if isinstance(wanted, str) else wanted)),
}


def _is(kind: str, value: Any) -> bool:
    return isinstance(value, TYPES[kind]) and (kind == "boolean") == isinstance(value, bool)


def fits(schema: Any, value: Any) -> bool:
    """Whether a value fits, for the keywords that the schemas above use."""
    return all(CHECKS[key](wanted, value) for key, wanted in schema.items())


@given(SCHEMAS, st.integers(0, 9))
def test_a_value_fits_its_schema(schema: Any, seed: int) -> None:
    value = fit(schema, "What is the weather in Lisbon?", Random(seed))
    assert fits(schema["$defs"]["it"] if "$ref" in schema else schema, value), value


def test_a_schema_without_an_end_gets_a_value_with_one() -> None:
    endless = {"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]}
    assert isinstance(fit(endless, "x", Random(1)), dict)
    assert fit({"type": "array", "uniqueItems": True, "minItems": 3, "items": {"const": 1}}, "x", Random(1)) == [
        1,
        2,
        3,
    ]


def test_a_signature_holds_for_its_text_only_and_only_here() -> None:
    signer = Signer(0)
    signature = signer.sign("hm", 1).decode()
    assert signer.verifies("hm", signature)
    assert signer.sign("hm", 2).decode() != signature
    assert not signer.verifies("hm!", signature)
    assert not Signer(1).verifies("hm", signature)
    assert not signer.verifies("hm", "not base64")
    assert not signer.verifies("hm", "é")


def at(day: str) -> float:
    return datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("provider", "model", "day", "kind"),
    [
        ("anthropic", "claude-sonnet-4-6", "2026-11-22", Sold),
        ("anthropic", "claude-haiku-4-5", "2026-11-22", Sold),
        ("anthropic", "claude-sonnet-4-5-20250929", "2026-11-29", Sold),
        ("anthropic", "claude-sonnet-4-5-20250929", "2026-11-30", Gone),
        ("anthropic", "claude-3-5-haiku-20241022", "2025-01-01", Sold),
        ("anthropic", "claude-3-5-haiku-20241022", "2026-11-22", Gone),
        ("anthropic", "claude-sonnet-4-6-20990101", "2026-11-22", type(None)),
        ("anthropic", "gpt-5.4", "2026-11-22", type(None)),
        ("openai", "gpt-5.4", "2026-11-22", Sold),
        ("openai", "gpt-4.1-2025-04-14", "2026-11-22", Sold),
        ("openai", "gpt-4o-2024-08-06", "2026-11-22", Sold),
        ("openai", "gpt-4o-2024-05-13", "2026-11-22", Gone),
        ("openai", "o1-mini", "2025-09-13", Sold),
        ("openai", "nothing", "2026-11-22", type(None)),
    ],
)
def test_a_model_is_sold_until_its_day(provider: str, model: str, day: str, kind: type) -> None:
    found = Shop().find(provider, model, at(day), dated=provider == "openai")
    assert isinstance(found, kind)


def test_given_models_are_sold_beside_the_others() -> None:
    shop = Shop([Model("openai", "mine", "test", "")])
    assert isinstance(shop.find("openai", "mine", NOW, dated=True), Sold)
    assert shop.find("anthropic", "mine", NOW, dated=False) is None
    on_sale = [sold.id for sold in shop.on_sale("openai", NOW)]
    assert on_sale[0] == "mine"
    assert "gpt-5.4" in on_sale
    assert "o1-mini" not in on_sale
