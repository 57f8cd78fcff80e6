"""What a strict schema must be like (OpenAI docs: structured outputs)."""

from __future__ import annotations

from typing import Any, cast


def not_strict(schema: Any, context: tuple[str, ...] = ()) -> str:
    """What a strict schema lacks: every object is closed, and all of its properties are required."""
    if not isinstance(schema, dict):
        return ""
    fields = cast("dict[str, Any]", schema)
    where = f"In context={context!r}, "
    properties = cast("dict[str, Any]", fields.get("properties") or {})
    definitions = cast("dict[str, Any]", fields.get("$defs") or {})
    if fields.get("type") == "object":
        if fields.get("additionalProperties") is not False:
            return f"{where}'additionalProperties' is required to be supplied and to be false."
        missing = next((key for key in properties if key not in (fields.get("required") or ())), None)
        if missing is not None:
            words = "'required' is required to be supplied and to be an array including every key in properties."
            return f"{where}{words} Missing '{missing}'."
    inner: list[tuple[tuple[str, ...], Any]] = [(("properties", key), value) for key, value in properties.items()]
    inner += [(("items",), fields["items"])] if "items" in fields else []
    inner += [(("anyOf", str(at)), value) for at, value in enumerate(fields.get("anyOf") or ())]
    inner += [(("$defs", key), value) for key, value in definitions.items()]
    return next((fault for path, value in inner if (fault := not_strict(value, (*context, *path)))), "")
