"""Values that fit a JSON Schema: structured answers, and the arguments of made-up tool calls.

It knows what providers let through: types, enum, const, properties, items, anyOf, oneOf, allOf, local ``$ref``,
bounds, formats. A ``pattern`` is met where one of a few common texts meets it. What the schema leaves open is filled
with words of the prompt, so that the value looks like an answer to it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, cast

from . import believable

DEPTH_MAX = 16
"""Deeper than this only what is required is filled in, and nothing below twice as deep."""
_OPTIONAL_DEPTH_MAX = 4
_FORMATS = {
    "date": "2026-11-22",
    "time": "12:30:00Z",
    "date-time": "2026-11-22T12:30:00Z",
    "duration": "PT15M",
    "email": "ada@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "7b1f3c1e-5d5a-4a83-9a44-0f5a1d3c2b10",
}
_LIKELY = ("abc", "ABC", "123", "abc-123", "A1", "a", "0", "12345", "1.0.0", "+15550100", *_FORMATS.values())
_PLACES = ("city", "location", "place", "town", "country", "destination")
_PLACE = "Paris"

Schema = dict[str, Any]


def fit(schema: Schema, prompt: str, chance: Random) -> Any:
    """A value that fits the schema, about the prompt."""
    names, subjects = believable.names(prompt), believable.subjects(prompt)
    return _Fitting(schema, chance, names, subjects).value(schema, "", 0)


@dataclass(slots=True)
class _Fitting:
    root: Schema
    chance: Random
    names: list[str]
    subjects: list[str]
    refs: dict[str, Schema] = field(default_factory=dict[str, Schema])

    def value(self, schema: Any, name: str, depth: int) -> Any:
        if not isinstance(schema, dict) or depth > 2 * DEPTH_MAX:
            return None if schema is False else {}
        fields = self._resolved(cast("Schema", schema))
        if "const" in fields:
            return fields["const"]
        if fields.get("enum"):
            return self.chance.choice(fields["enum"])
        for key in ("anyOf", "oneOf"):
            options = sorted(_schemas(fields.get(key)), key=lambda each: each.get("type") == "null")
            if options:
                rest = {inner: value for inner, value in fields.items() if inner != key}
                return self.value(rest | self._resolved(options[0]), name, depth + 1)
        make = _MAKERS.get(_type_of(fields), _Fitting.text)
        return make(self, fields, name, depth)

    def _resolved(self, schema: Schema) -> Schema:
        """The schema with its reference followed and ``allOf`` merged."""
        for _ in range(DEPTH_MAX):
            ref = schema.get("$ref")
            if not isinstance(ref, str):
                break
            rest = {key: value for key, value in schema.items() if key != "$ref"}
            schema = self._at(ref) | rest
        merged = {key: value for key, value in schema.items() if key != "allOf"}
        for each in _schemas(schema.get("allOf")):
            part = self._resolved(each)
            properties = merged.get("properties", {}) | part.get("properties", {})
            required = [*merged.get("required", []), *part.get("required", [])]
            merged |= part
            merged |= {"properties": properties, "required": required} if properties else {}
        return merged

    def _at(self, ref: str) -> Schema:
        found: Any = self.root
        for step in ref.removeprefix("#").strip("/").split("/") if ref.strip("#/") else ():
            key = step.replace("~1", "/").replace("~0", "~")
            found = cast("Schema", found).get(key) if isinstance(found, dict) else None
        return cast("Schema", found) if isinstance(found, dict) else {}

    def object(self, schema: Schema, _name: str, depth: int) -> Schema:
        required = set(schema.get("required") or [])
        made: Schema = {}
        for key, inner in cast("Schema", schema.get("properties") or {}).items():
            if key in required or depth < _OPTIONAL_DEPTH_MAX:
                made[key] = self.value(inner, key, depth + 1)
        for key in required - set(made):
            made[key] = self.value(schema.get("additionalProperties") or {"type": "string"}, key, depth + 1)
        return made

    def array(self, schema: Schema, name: str, depth: int) -> list[Any]:
        least = int(schema.get("minItems") or 0)
        most = int(schema.get("maxItems", max(least, 2)))
        wanted = max(least, min(most, 0 if depth > DEPTH_MAX else 2))
        firsts = list(schema.get("prefixItems") or [])
        shapes = [firsts[at] if at < len(firsts) else schema.get("items", {"type": "string"}) for at in range(wanted)]
        values = [self.value(shape, name, depth + 1) for shape in shapes]
        return self._unique(values, least) if schema.get("uniqueItems") else values

    def _unique(self, values: list[Any], least: int) -> list[Any]:
        kept: list[Any] = []
        for value in values:
            is_new = value not in kept
            if is_new or len(kept) < least:
                kept.append(value if is_new else _other(value, len(kept)))
        return kept

    def number(self, schema: Schema, _name: str, _depth: int) -> float:
        return self._number(schema, whole=False)

    def integer(self, schema: Schema, _name: str, _depth: int) -> int:
        return int(self._number(schema, whole=True))

    def _number(self, schema: Schema, *, whole: bool) -> float:
        step = schema.get("multipleOf") or (1 if whole else 0.5)
        low, high = schema.get("minimum"), schema.get("maximum")
        if isinstance(schema.get("exclusiveMinimum"), (int, float)):
            low = max(schema["exclusiveMinimum"] + step, low if low is not None else -math.inf)
        if isinstance(schema.get("exclusiveMaximum"), (int, float)):
            high = min(schema["exclusiveMaximum"] - step, high if high is not None else math.inf)
        wanted = self.chance.randint(1, 9) * step
        wanted = wanted if high is None else min(wanted, math.floor(high / step) * step)
        wanted = wanted if low is None else max(wanted, math.ceil(low / step) * step)
        return wanted if whole or step != int(step) else float(wanted)

    def boolean(self, _schema: Schema, _name: str, _depth: int) -> bool:
        return self.chance.random() < 0.5

    def null(self, _schema: Schema, _name: str, _depth: int) -> None:
        return None

    def text(self, schema: Schema, name: str, _depth: int) -> str:
        if isinstance(schema.get("format"), str) and schema["format"] in _FORMATS:
            return _FORMATS[schema["format"]]
        text = self._word(name.lower())
        pattern = schema.get("pattern")
        if isinstance(pattern, str):
            text = next((likely for likely in (text, *_LIKELY) if _matches(pattern, likely)), text)
        least, most = int(schema.get("minLength") or 0), schema.get("maxLength")
        text = text + "x" * (least - len(text))
        return text if most is None else text[: int(most)]

    def _word(self, name: str) -> str:
        if any(place in name for place in _PLACES):
            return self.names[0] if self.names else _PLACE
        if name in ("query", "q", "search", "question", "prompt", "text", "input"):
            return " ".join(self.subjects)
        for format_name in ("email", "date", "time", "uri", "uuid"):
            if format_name in name.split("_"):
                return _FORMATS[format_name]
        return "https://example.com/" if "url" in name else self.chance.choice(self.subjects)


_MAKERS: dict[str, Callable[[_Fitting, Schema, str, int], Any]] = {
    "object": _Fitting.object,
    "array": _Fitting.array,
    "number": _Fitting.number,
    "integer": _Fitting.integer,
    "boolean": _Fitting.boolean,
    "null": _Fitting.null,
    "string": _Fitting.text,
}
_TYPE_BY_KEY = {"properties": "object", "required": "object", "items": "array", "minimum": "number"}


def _schemas(value: Any) -> list[Schema]:
    items = cast("list[Any]", value) if isinstance(value, list) else []
    return [cast("Schema", item) for item in items if isinstance(item, dict)]


def _type_of(schema: Schema) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kinds = [each for each in cast("list[Any]", kind) if each != "null"]
        kind = kinds[0] if kinds else "null"
    return kind if isinstance(kind, str) else next((_TYPE_BY_KEY[key] for key in _TYPE_BY_KEY if key in schema), "")


def _matches(pattern: str, text: str) -> bool:
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return True


def _other(value: Any, number: int) -> Any:
    if isinstance(value, str):
        return f"{value} {number}"
    return value + number if isinstance(value, (int, float)) and not isinstance(value, bool) else value
