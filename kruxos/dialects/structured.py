"""Tools' schemas and the wish for JSON, as a provider takes them; what changes their meaning is told.

Where a provider can't be held to a schema, the schema stays and the promise goes: an answer after it is likelier to be
of use than an answer after another one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kruxos.errors import UnsupportedError
from kruxos.messages import compact_json

from . import schemas
from .encoding import Draft, schema_of
from .strictness import Closed, closed, plain_at_top

Schema = dict[str, Any]

_JSON = "Answer with one JSON object and nothing else."
_JSON_AFTER_SCHEMA = "Answer with one JSON object and nothing else. It follows this JSON Schema: "
_PATHS_TOLD_MAX = 32


def check_tools(draft: Draft) -> None:
    """Raises ``UnsupportedError`` where there are more tools than the provider takes."""
    most, count = draft.target.profile.tools_max, len(draft.request.tools)
    if 0 < most < count:
        raise UnsupportedError(f"tools: {draft.target.profile.name} takes {most} tools, not {count}", field="tools")


def tool_schema(draft: Draft, index: int) -> Schema:
    """A tool's parameters: an object at the top, and no choice or sum of schemas where the provider refuses those."""
    schema = schema_of(draft.request.tools[index])
    if not draft.target.profile.plain_tool_schemas:
        return schema
    plain, lost = plain_at_top(schema)
    if lost:
        _tell_reduced(draft, f"tools[{index}].parameters", [f"/{name}" for name in lost])
    return plain


def openai_strict(draft: Draft, schema: Schema, path: str, *, empty_top: bool = True) -> Schema | None:
    """The schema as OpenAI's strict mode takes it; None where it takes none of this meaning, which is told.

    ``empty_top``: a top without properties has none.
    """
    ready = closed(schema, all_required=True)
    if ready.schema == schema:
        return schema
    kept, lost = schemas.reduced(schema, schemas.OPENAI_STRICT, enums=schemas.JSON_ENUMS)
    result = closed(kept, all_required=True, empty_top=empty_top)
    if lost or result.maps:
        where = ", ".join((lost + result.maps)[:_PATHS_TOLD_MAX])
        draft.drop("strict", f"{path} holds what strict mode does not take, at {where}")
        return None
    _tell_changed(draft, path, result)
    return result.schema


def strict_format(draft: Draft, wire: Schema) -> Schema:
    """The wish for an answer after a schema, in OpenAI's words and flat, with the schema as strict mode takes it."""
    if not wire.get("strict"):
        return wire
    schema = openai_strict(draft, wire["schema"], "output_format.schema", empty_top=False)
    return wire | ({"strict": False} if schema is None else {"schema": schema})


def anthropic_strict(draft: Draft, schema: Schema, path: str) -> Schema:
    """The schema as Anthropic's structured output takes it: closed, bounds spoken of in descriptions."""
    result, lost = _for_anthropic(schema, empty_top=False)
    if lost:
        _tell_reduced(draft, path, lost)
    _tell_changed(draft, path, result)
    return result.schema


def anthropic_strict_tool(draft: Draft, schema: Schema, path: str) -> Schema | None:
    """A strict tool's schema, likewise; None where that would be another tool, which is told."""
    result, lost = _for_anthropic(schema, empty_top=True)
    if result.maps:
        draft.drop("strict", f"{path} holds objects of any keys, at {', '.join(result.maps[:_PATHS_TOLD_MAX])}")
        return None
    if lost:
        _tell_reduced(draft, path, lost)
    return result.schema


def _for_anthropic(schema: Schema, *, empty_top: bool) -> tuple[Closed, list[str]]:
    kept, lost = schemas.reduced(schema, schemas.ANTHROPIC, values=schemas.ANTHROPIC_VALUES, enums=schemas.JSON_ENUMS)
    return closed(kept, empty_top=empty_top), lost


def json_words(draft: Draft, texts: Iterable[str]) -> str | None:
    """What has to be said in words for a provider's JSON mode; None where nothing has. It is told.

    Providers refuse the mode, or answer without end, where the conversation never says JSON (OpenAI API reference:
    response_format; Mistral docs: known limitations; DeepSeek docs: JSON output).
    """
    wish = draft.request.output_format
    if wish is None or (wish.schema is not None and draft.target.profile.json_schema):
        return None
    if wish.schema is not None:
        words = _JSON_AFTER_SCHEMA + compact_json(wish.schema)
    elif any("json" in text.lower() for text in texts):
        return None
    else:
        words = _JSON
    draft.tell("message_inserted", "the wish for JSON was put into words, as the provider demands")
    return words


def _tell_reduced(draft: Draft, path: str, lost: list[str]) -> None:
    message = f"{path}: parts of the schema that the provider does not take were left out, or put into its description"
    draft.tell("schema_reduced", message, lost=lost[:_PATHS_TOLD_MAX])


def _tell_changed(draft: Draft, path: str, result: Closed) -> None:
    if result.maps:
        message = f"{path}: objects of any keys were closed, for the provider takes none"
        draft.tell("schema_closed", message, closed=result.maps[:_PATHS_TOLD_MAX])
    if result.nullable:
        message = f"{path}: optional properties became required, and may be null instead"
        draft.tell("schema_closed", message, nullable=result.nullable[:_PATHS_TOLD_MAX])
