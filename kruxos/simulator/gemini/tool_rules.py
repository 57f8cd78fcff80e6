"""What Gemini refuses in tools and schemas (Google API definitions: content.proto, generative_service.proto)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

from kruxos.dialects.schemas import GOOGLE
from kruxos.simulator.provider import Question, Refusal, Rule
from kruxos.simulator.shapes import inner

from .errors import invalid, refuse
from .shapes import NAME

_PROTO = "Google API definitions: content.proto"
_OPEN_API = frozenset(
    (
        "type", "format", "title", "description", "nullable", "enum", "items", "minItems", "maxItems", "properties",
        "required", "minProperties", "maxProperties", "minimum", "maximum", "minLength", "maxLength", "pattern",
        "example", "anyOf", "propertyOrdering", "default",
    )
)  # fmt: skip
"""What Google's own form of a schema knows."""
_BY_NAME = ("properties", "$defs")
_LISTS = ("anyOf", "oneOf", "prefixItems")
_SINGLE = ("items", "additionalProperties")

Schema = dict[str, Any]


def _declarations(question: Question) -> Iterator[tuple[str, dict[str, Any]]]:
    for at, tool in enumerate(question.body.get("tools") or ()):
        for place, declaration in enumerate(cast("list[dict[str, Any]]", tool.get("functionDeclarations") or [])):
            yield f"tools[{at}].function_declarations[{place}]", declaration


def _name_bad(question: Question) -> Refusal | None:
    for path, declaration in _declarations(question):
        if not re.fullmatch(NAME.strip("^$"), declaration["name"]):
            return refuse(
                f"{path}.name",
                "Invalid function name. Must start with a letter or an underscore. Must be alphanumeric (a-z, A-Z, "
                "0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 64.",
            )
    return None


def _name_repeated(question: Question) -> Refusal | None:
    seen: set[str] = set()
    for _, declaration in _declarations(question):
        if declaration["name"] in seen:
            return invalid(f"Duplicate function declaration found: {declaration['name']}")
        seen.add(declaration["name"])
    return None


def _both_schemas(question: Question) -> Refusal | None:
    for path, declaration in _declarations(question):
        if declaration.get("parameters") and declaration.get("parametersJsonSchema"):
            return refuse(path, "parameters and parameters_json_schema are mutually exclusive")
    return None


def _open_api_unknown(question: Question) -> Refusal | None:
    """Google's own form is a message with fields: a keyword that it lacks is an unknown field."""
    given = [(f"{path}.parameters", each.get("parameters")) for path, each in _declarations(question)]
    config: dict[str, Any] = question.body.get("generationConfig") or {}
    given.append(("generation_config.response_schema", config.get("responseSchema")))
    for path, schema in given:
        found = _unknown(schema, path, _OPEN_API) if schema else None
        if found is not None:
            words = f"Unknown name \"{found[1]}\" at '{found[0]}': Cannot find field."
            return invalid(f"Invalid JSON payload received. {words}")
    return None


def _keyword_unknown(question: Question) -> Refusal | None:
    for path, schema in _json_schemas(question):
        found = _unknown(schema, path, GOOGLE) if schema else None
        if found is not None:
            return refuse(found[0], f"the JSON Schema keyword {found[1]!r} is not supported")
    return None


def _json_schemas(question: Question) -> list[tuple[str, Any]]:
    given = [
        (f"{path}.parameters_json_schema", each.get("parametersJsonSchema")) for path, each in _declarations(question)
    ]
    config: dict[str, Any] = question.body.get("generationConfig") or {}
    return [*given, ("generation_config.response_json_schema", config.get("responseJsonSchema"))]


def _unknown(schema: Any, path: str, known: frozenset[str]) -> tuple[str, str] | None:
    """Where the first keyword stands that is not known, and which it is."""
    if not isinstance(schema, dict):
        return None
    fields = cast("Schema", schema)
    stranger = next((name for name in fields if name not in known), None)
    if stranger is not None:
        return path, stranger
    return next((found for where, each in _within(fields, path) if (found := _unknown(each, where, known))), None)


def _within(fields: Schema, path: str) -> Iterator[tuple[str, Any]]:
    """The schemas within a schema."""
    for name in _BY_NAME:
        value = fields.get(name)
        if isinstance(value, dict):
            yield from ((f"{path}.{name}[{key}]", each) for key, each in cast("Schema", value).items())
    for name in _LISTS:
        value = fields.get(name)
        if isinstance(value, list):
            yield from ((f"{path}.{name}[{at}]", each) for at, each in enumerate(cast("list[Any]", value)))
    yield from ((f"{path}.{name}", fields[name]) for name in _SINGLE if name in fields)


def _names_without_any(question: Question) -> Refusal | None:
    config = inner(inner(question.body, "toolConfig"), "functionCallingConfig")
    if not config.get("allowedFunctionNames") or config.get("mode") in ("ANY", "VALIDATED"):
        return None
    return invalid("allowed_function_names can be set only when the function calling mode is ANY or VALIDATED.")


def _names_undeclared(question: Question) -> Refusal | None:
    config = inner(inner(question.body, "toolConfig"), "functionCallingConfig")
    declared = {declaration["name"] for _, declaration in _declarations(question)}
    missing = next((name for name in config.get("allowedFunctionNames") or () if name not in declared), None)
    return None if missing is None else invalid(f"allowed_function_names holds no declared function: {missing!r}.")


TOOL_RULES: tuple[Rule, ...] = (
    Rule("tool_name_bad", _PROTO, _name_bad),
    Rule("tool_name_repeated", "Gemini API reference: FunctionDeclaration", _name_repeated),
    Rule("schemas_both", _PROTO, _both_schemas),
    Rule("schema_field_unknown", _PROTO, _open_api_unknown),
    Rule("schema_keyword_unsupported", "Google API definitions: generative_service.proto", _keyword_unknown),
    Rule("names_without_any", _PROTO, _names_without_any),
    Rule("names_undeclared", _PROTO, _names_undeclared),
)
