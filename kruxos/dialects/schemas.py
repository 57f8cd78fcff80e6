"""JSON Schema cut down to what a provider takes, keeping the meaning where that can be said another way.

Some providers refuse a schema for one keyword that they do not know. What can be said in other words is: ``const`` is
an ``enum`` of one, ``allOf`` is its parts in one, ``nullable`` is one more type. A bound that has no words is written
into the description, where a model reads it. Each keyword that meant something and is gone is told by its path;
annotations such as ``examples`` mean nothing to a caller and go silently.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from kruxos.messages import compact_json

DEPTH_MAX = 64
LOST_MAX = 32
"""More lost keywords are not listed."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


GOOGLE = _words(
    "$id $defs $ref $anchor type format title description enum items prefixItems minItems maxItems minimum maximum "
    "anyOf oneOf properties additionalProperties required propertyOrdering"
)
"""What Google's JSON Schema fields take (Google API definitions: generative_service.proto)."""
ANTHROPIC = _words(
    "$defs $ref type format title description enum items minItems anyOf properties additionalProperties required"
)
"""What Anthropic's structured outputs take (Anthropic SDK: transform_schema)."""
ANTHROPIC_VALUES: dict[str, frozenset[Any]] = {
    "format": _words("date-time time date duration email hostname uri ipv4 ipv6 uuid"),
    "minItems": frozenset((0, 1)),
}
OPENAI_STRICT = _words(
    "$defs $ref type format title description enum items minItems maxItems minimum maximum exclusiveMinimum "
    "exclusiveMaximum multipleOf pattern anyOf properties additionalProperties required"
)
"""What OpenAI's strict mode takes (OpenAI docs: structured outputs)."""
_ANY_VALUE: dict[str, frozenset[Any]] = {}
_GOOGLES_ENUMS = (str, int, float)
JSON_ENUMS = (str, int, float, bool, type(None))

_ANNOTATIONS = _words(
    "$schema $comment $vocabulary examples example default deprecated readOnly writeOnly discriminator xml "
    "externalDocs contentEncoding contentMediaType"
)
_SPOKEN = _words(
    "pattern minLength maxLength multipleOf uniqueItems exclusiveMinimum exclusiveMaximum minProperties "
    "maxProperties format"
)
_BY_NAME = frozenset(("properties", "$defs"))
_LISTS = frozenset(("anyOf", "oneOf", "prefixItems"))

Schema = dict[str, Any]


def reduced(
    schema: Schema,
    known: frozenset[str] = GOOGLE,
    *,
    values: Mapping[str, frozenset[Any]] = _ANY_VALUE,
    enums: tuple[type, ...] = _GOOGLES_ENUMS,
) -> tuple[Schema, list[str]]:
    """The schema in the keywords that are known, and the paths of what is lost. The given one stays as it is.

    ``values`` names the values that a keyword may have; ``enums`` are the types of values in an ``enum``.
    """
    reducer = _Reducer(known, values, enums)
    return reducer.schema(schema, "", 0), reducer.lost[:LOST_MAX]


class _Reducer:
    """One schema being cut down."""

    def __init__(self, known: frozenset[str], values: Mapping[str, frozenset[Any]], enums: tuple[type, ...]) -> None:
        self._known = known
        self._values = values
        self._enums = enums
        self.lost: list[str] = []

    def schema(self, value: Any, path: str, depth: int) -> Schema:
        """One schema or subschema; ``true`` allows anything, as an empty one does."""
        if not isinstance(value, dict) or depth > DEPTH_MAX:
            if value is not True:
                self.lost.append(path or "schema")
            return {}
        fields = self._in_other_words(cast("Schema", value), path)
        if "$ref" in fields:
            return self._reference(fields, path, depth)
        kept: Schema = {}
        spoken: list[str] = []
        for name, inner in fields.items():
            if name in self._known and self._may_be(name, inner):
                kept[name] = self._keyword(name, inner, f"{path}/{name}", depth)
            elif name not in _ANNOTATIONS:
                self.lost.append(f"{path}/{name}")
                if name in _SPOKEN:
                    spoken.append(f"{name}: {compact_json(inner)}")
        if spoken:
            kept["description"] = " ".join([*_said(kept.get("description")), f"({', '.join(spoken)})"])
        return {name: inner for name, inner in kept.items() if inner is not None}

    def _may_be(self, name: str, value: Any) -> bool:
        values = self._values.get(name)
        return values is None or (isinstance(value, (str, int)) and value in values)

    def _reference(self, fields: Schema, path: str, depth: int) -> Schema:
        """A reference stands alone, but for other keywords that begin with a dollar."""
        self.lost += [
            f"{path}/{name}"
            for name in fields
            if name[0] != "$" and name not in (*_ANNOTATIONS, "description", "title")
        ]
        kept = {name: inner for name, inner in fields.items() if name[:1] == "$" and name in self._known}
        return {name: self._keyword(name, inner, f"{path}/{name}", depth) for name, inner in kept.items()}

    def _keyword(self, name: str, value: Any, path: str, depth: int) -> Any:
        if name in _BY_NAME and isinstance(value, dict):
            named = cast("Schema", value)
            return {key: self.schema(inner, f"{path}/{key}", depth + 1) for key, inner in named.items()}
        if name in _LISTS and isinstance(value, list):
            inners = cast("list[Any]", value)
            return [self.schema(inner, f"{path}/{at}", depth + 1) for at, inner in enumerate(inners)]
        if name == "items" or (name == "additionalProperties" and not isinstance(value, bool)):
            return self.schema(value, path, depth + 1)
        if name == "enum":
            return self._enum(value, path)
        if name == "$ref" and isinstance(value, str):
            return value.replace("#/definitions/", "#/$defs/")
        return value

    def _enum(self, value: Any, path: str) -> Any:
        """Strings and numbers; with any other value the list would be wrong, so it goes."""
        values = cast("list[Any]", value) if isinstance(value, list) else []
        plain = [each for each in values if type(each) in self._enums]
        if plain and all(each in plain or each is None for each in values):
            return plain
        self.lost.append(path)
        return None

    def _in_other_words(self, fields: Schema, path: str) -> Schema:
        for name, say in _OTHER_WORDS.items():
            if name in fields:
                fields = say(fields)
        if "oneOf" in fields and "oneOf" not in self._known and "anyOf" not in fields:
            fields = {"anyOf" if name == "oneOf" else name: inner for name, inner in fields.items()}
        return self._merged(fields, path) if "allOf" in fields else fields

    def _merged(self, fields: Schema, path: str) -> Schema:
        """The parts of an ``allOf`` and what stands beside it as one schema, where they do not contradict."""
        merged = {name: inner for name, inner in fields.items() if name != "allOf"}
        parts = fields["allOf"]
        for at, part in enumerate(cast("list[Any]", parts) if isinstance(parts, list) else []):
            if not isinstance(part, dict) or ("$ref" in part and len(cast("list[Any]", parts)) + len(merged) > 1):
                self.lost.append(f"{path}/allOf/{at}")
                continue
            for name, inner in cast("Schema", part).items():
                if not _added(merged, name, inner):
                    self.lost.append(f"{path}/allOf/{at}/{name}")
        return self._in_other_words(merged, path)


def _added(into: Schema, name: str, value: Any) -> bool:
    """Adds a keyword of another part; False where the two contradict."""
    known = into.get(name)
    if name not in into or known == value or name in ("title", "description"):
        into.setdefault(name, value)
    elif isinstance(known, dict) and isinstance(value, dict) and name in (*_BY_NAME, "definitions"):
        into[name] = cast("Schema", value) | cast("Schema", known)
    elif isinstance(known, list) and isinstance(value, list) and name == "required":
        both = cast("list[Any]", known) + cast("list[Any]", value)
        into[name] = [each for at, each in enumerate(both) if each not in both[:at]]
    else:
        return False
    return True


def _const(fields: Schema) -> Schema:
    value = fields["const"]
    rest = {name: inner for name, inner in fields.items() if name != "const"}
    kind = next((name for types, name in _TYPES if isinstance(value, types)), None)
    return ({"type": kind} if kind else {}) | rest | {"enum": [value]}


_TYPES: tuple[tuple[type, str], ...] = (
    (str, "string"), (bool, "boolean"), (int, "integer"), (float, "number"), (type(None), "null"),
)  # fmt: skip


def _definitions(fields: Schema) -> Schema:
    rest = {name: inner for name, inner in fields.items() if name != "definitions"}
    moved, there = fields["definitions"], fields.get("$defs")
    if not isinstance(moved, dict):
        return rest
    return rest | {"$defs": cast("Schema", moved) | (cast("Schema", there) if isinstance(there, dict) else {})}


def _nullable(fields: Schema) -> Schema:
    rest = {name: inner for name, inner in fields.items() if name != "nullable"}
    kind = fields.get("type")
    if fields["nullable"] is not True or kind is None:
        return rest
    kinds = cast("list[Any]", kind) if isinstance(kind, list) else [kind]
    return rest | {"type": kinds if "null" in kinds else [*kinds, "null"]}


def _tuple(fields: Schema) -> Schema:
    """Lists of fixed places as JSON Schema said them before 2020."""
    places: Any = fields["items"]
    if not isinstance(places, list):
        return fields
    rest = {name: inner for name, inner in fields.items() if name not in ("items", "additionalItems")}
    more: Any = fields.get("additionalItems")
    return rest | {"prefixItems": cast("list[Any]", places)} | ({} if more is None else {"items": more})


_OTHER_WORDS: dict[str, Callable[[Schema], Schema]] = {
    "const": _const,
    "definitions": _definitions,
    "nullable": _nullable,
    "items": _tuple,
}


def _said(description: Any) -> list[str]:
    return [description] if description and isinstance(description, str) else []
