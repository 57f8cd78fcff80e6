"""Schemas as providers want them where they promise to keep to them.

Strict output wants objects that are closed (``additionalProperties`` is false); OpenAI also wants all their properties
required, where what was optional may be null instead (OpenAI docs: structured outputs; Anthropic's SDK, which writes
schemas down likewise). A map, an object of any keys, can't be closed without being another thing.

Some refuse a tool whose schema is a choice or a sum of schemas at its top: ``plain_at_top`` makes one object of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from kruxos.messages import compact_json

Schema = dict[str, Any]

_DEPTH_MAX = 64
_BY_NAME = ("properties", "$defs", "definitions")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_CHOICES = ("anyOf", "oneOf")
_NOT_AT_TOP = ("anyOf", "oneOf", "allOf", "enum", "not")
_SPOKEN_CHARS_MAX = 2_000
_BRANCHES_MAX = 64


@dataclass(slots=True)
class Closed:
    """A closed schema; the paths of maps that were closed and of properties that became nullable."""

    schema: Schema
    maps: list[str] = field(default_factory=list[str])
    nullable: list[str] = field(default_factory=list[str])


def closed(schema: Schema, *, all_required: bool = False, empty_top: bool = True) -> Closed:
    """The schema with every object closed; the given one stays as it is.

    ``all_required``: as OpenAI wants them. ``empty_top``: a top without properties has none, as with a tool that takes
    nothing; else it is a map.
    """
    result = Closed(schema)
    result.schema = _Closing(result, all_required=all_required, empty_top=empty_top).schema(schema, "", 0)
    return result


class _Closing:
    """One schema being closed."""

    def __init__(self, result: Closed, *, all_required: bool, empty_top: bool) -> None:
        self._result = result
        self._all_required = all_required
        self._empty_top = empty_top

    def schema(self, value: Any, path: str, depth: int) -> Any:
        if not isinstance(value, dict) or depth > _DEPTH_MAX:
            return cast("Any", value)
        fields = dict(cast("Schema", value))
        for name, key, inner in list(_inner(fields)):
            where = f"{path}/{name}" if key is None else f"{path}/{name}/{key}"
            new = self.schema(inner, where, depth + 1)
            fields[name] = new if key is None else _with(fields[name], key, new)
        return self._object(fields, path) if _is_object(fields) else fields

    def _object(self, fields: Schema, path: str) -> Schema:
        if _is_map(fields, may_be_empty=self._empty_top and not path):
            self._result.maps.append(path or "/")
        fields |= {"properties": _properties(fields), "additionalProperties": False}
        if self._all_required:
            _require_all(fields, path, self._result)
        return fields


def _inner(fields: Schema) -> Iterator[tuple[str, Any, Any]]:
    """Every schema within: its keyword, its key there or None, itself."""
    for name in _BY_NAME:
        if isinstance(fields.get(name), dict):
            yield from ((name, key, inner) for key, inner in fields[name].items())
    for name in _LISTS:
        if isinstance(fields.get(name), list):
            yield from ((name, at, inner) for at, inner in enumerate(fields[name]))
    if isinstance(fields.get("items"), dict):
        yield "items", None, fields["items"]


def _with(container: Any, key: Any, value: Any) -> Any:
    """The map or list with one value replaced."""
    if isinstance(container, dict):
        return cast("Schema", container) | {key: value}
    items = list(cast("list[Any]", container))
    items[key] = value
    return items


def _is_object(fields: Schema) -> bool:
    kind = fields.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind) or "properties" in fields


def _is_map(fields: Schema, *, may_be_empty: bool) -> bool:
    more = fields.get("additionalProperties")
    return more is not False and (more is not None or (not fields.get("properties") and not may_be_empty))


def _require_all(fields: Schema, path: str, result: Closed) -> None:
    required = _names(fields.get("required"))
    properties = _properties(fields)
    optional = [name for name in properties if name not in required]
    result.nullable += [f"{path}/properties/{name}" for name in optional]
    fields["properties"] = {name: _or_null(inner) if name in optional else inner for name, inner in properties.items()}
    fields["required"] = [*(name for name in required if name in properties), *optional]


def _or_null(schema: Any) -> Any:
    """The schema, or null."""
    fields = cast("Schema", schema) if isinstance(schema, dict) else {}
    kind = fields.get("type")
    kinds: list[Any] = cast("list[Any]", kind) if isinstance(kind, list) else [kind]
    if "null" in kinds or (not fields and isinstance(schema, dict)):
        return fields
    if kind is None or "const" in fields:
        return {"anyOf": [cast("Any", schema), {"type": "null"}]}
    choice = {"enum": [*fields["enum"], None]} if isinstance(fields.get("enum"), list) else {}
    return fields | {"type": [*kinds, "null"]} | choice


def plain_at_top(schema: Schema) -> tuple[Schema, list[str]]:
    """The schema as one object, and the keywords at its top whose meaning is only spoken of now."""
    if not any(name in schema for name in _NOT_AT_TOP):
        return schema, []
    return _Flattening(schema).plain(schema)


class _Flattening:
    """One schema whose choices and sums become one object; no more than so many schemas are looked at."""

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._left = _BRANCHES_MAX

    def plain(self, schema: Schema) -> tuple[Schema, list[str]]:
        kept = {name: inner for name, inner in schema.items() if name not in _NOT_AT_TOP}
        lost: list[str] = [name for name in ("enum", "not") if name in schema]
        for part in self._branches(schema, "allOf"):
            _unite(kept, part, required=_names(part.get("required")))
        for name in _CHOICES:
            branches = list(self._branches(schema, name))
            common = [key for key in _names(branches[0].get("required")) if _in_all(key, branches)] if branches else []
            for branch in branches:
                _unite(kept, branch, required=common)
            lost += [name] if len(branches) > 1 else []
        if lost:
            kept["description"] = _spoken(kept.get("description"), {name: schema[name] for name in lost})
        return kept, lost

    def _branches(self, schema: Schema, name: str) -> Iterator[Schema]:
        branches = schema.get(name)
        for branch in cast("list[Any]", branches) if isinstance(branches, list) else []:
            if isinstance(branch, dict) and self._left:
                self._left -= 1
                yield self.plain(_resolved(cast("Schema", branch), self._root))[0]


def _spoken(description: Any, lost: Schema) -> str:
    """The description with what was lost, where that is not too long."""
    said = f"({compact_json(lost)})"
    words = [str(description)] if description else []
    return " ".join([*words, said if len(said) <= _SPOKEN_CHARS_MAX else f"({', '.join(lost)})"])


def _resolved(schema: Schema, root: Schema) -> Schema:
    """What a reference within the schema stands for."""
    ref = schema.get("$ref")
    if not isinstance(ref, str) or not ref.startswith("#/"):
        return schema
    found: Any = root
    for step in ref[2:].split("/"):
        found = (
            cast("Schema", found).get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        )
    return cast("Schema", found) if isinstance(found, dict) else {}


def _unite(into: Schema, part: Schema, *, required: list[str]) -> None:
    """Adds another schema's properties; one that both have may be either."""
    properties = dict(_properties(into))
    for name, inner in _properties(part).items():
        known = properties.get(name)
        properties[name] = inner if known is None or known == inner else {"anyOf": [known, inner]}
    into["properties"] = properties
    both = list(dict.fromkeys([*_names(into.get("required")), *required]))
    if both:
        into["required"] = both


def _properties(fields: Schema) -> Schema:
    properties = fields.get("properties")
    return cast("Schema", properties) if isinstance(properties, dict) else {}


def _names(value: Any) -> list[str]:
    return [name for name in cast("list[Any]", value) if isinstance(name, str)] if isinstance(value, list) else []


def _in_all(name: str, branches: list[Schema]) -> bool:
    return all(name in _names(branch.get("required")) for branch in branches)
