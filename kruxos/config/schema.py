"""What may be written in models.yaml, field by field, and pydantic's errors in plain words.

One model a level. What a field means together with others is decided in ``resolve``. Every optional field may also
stand there empty. No message repeats a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from ipaddress import ip_address
from typing import Annotated, Any, Literal, TypeVar, cast, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import ErrorDetails

from kruxos.config.addresses import AddressError, parse_address
from kruxos.config.model import PROVIDER_NAME
from kruxos.config.pasted import names_secret
from kruxos.config.report import Report
from kruxos.config.tree import Path
from kruxos.cores.caps import FORMS, Cap, parse_caps

M = TypeVar("M", bound=BaseModel)

_TEXT_CHARS_MAX = 1024
_HEADERS_MAX = 32
_WORDS_MAX = 32
_STATED_MODELS_MAX = 256
_PRICE_MAX = 1_000_000
_MEMORY_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_MEMORY_MIN_BYTES = 64 * 10**6
_MEMORY = re.compile(r"([0-9]{1,15})\s*([A-Za-z]*)")
_USER_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.@-]{0,127}")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_CLIENT_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_HEADERS_RESERVED = frozenset({
    "accept-encoding", "api-key", "authorization", "connection", "content-encoding", "content-length", "content-type",
    "cookie", "expect", "host", "keep-alive", "proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade",
    "x-api-key", "x-goog-api-key",
})  # fmt: skip


def _check_text(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("must be a line of text")
    return text


def _check_address(text: str) -> str:
    try:
        parse_address(text)
    except AddressError as error:
        raise ValueError(str(error)) from None
    return text


def _check_proxy(text: str) -> str:
    return text if text == "none" else _check_address(text)


def _check_host(text: str) -> str:
    if text == "localhost":
        return "127.0.0.1"
    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError("must be an address such as 127.0.0.1 or ::1") from None


def _check_name(text: str) -> str:
    if not _HOST_NAME.fullmatch(text):
        raise ValueError("must be a host's name, without port")
    return text.lower()


def _check_path(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError("must be an absolute path")
    return text


def _check_user(value: Any) -> int | str:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**32 - 1:
        return value
    if isinstance(value, str) and _USER_NAME.fullmatch(value):
        return value
    raise ValueError("must be the name of a user or group on this machine, or its number")


def _memory_bytes(value: Any) -> Any:
    if isinstance(value, str):
        match = _MEMORY.fullmatch(value)
        unit = _MEMORY_UNITS.get(match[2].upper()) if match else None
        if match is None or unit is None:
            raise ValueError("must be a size such as 512MB or 1GiB")
        return int(match[1]) * unit
    return value


def _price(value: Any) -> Any:
    """A price as decimal text; a number is taken as it is written, not as the nearest fraction of two."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return value
    try:
        price = Decimal(str(value))
    except InvalidOperation:
        raise ValueError("must be a price in US dollars for a million tokens", 'such as "0.15"') from None
    if not (price.is_finite() and 0 <= price <= _PRICE_MAX):
        raise ValueError("must be a price in US dollars for a million tokens", 'such as "0.15"')
    return format(price, "f")


def _caps(value: Any) -> tuple[Cap, ...]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in cast("list[Any]", texts)):
        raise ValueError("must be a list of limits", f"such as [{FORMS.split(',')[0]}]")
    try:
        return parse_caps(cast("list[str]", texts))
    except ValueError as error:
        raise ValueError(str(error)) from None


def _check_client_id(text: str) -> str:
    if not _CLIENT_ID.fullmatch(text):
        raise ValueError("must be letters, digits and . _ -")
    return text


def _check_headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not value.isascii() or not value.isprintable():
            raise ValueError("must be names and values of HTTP headers")
        if name.lower() in _HEADERS_RESERVED or names_secret(name):
            raise ValueError("holds a header that KruxOS sets itself", "store keys with `kruxos vault add`")
    return headers


def _shown(schema: dict[str, Any]) -> WithJsonSchema:
    """What editors are told of a type whose check is a function: never stricter than that."""
    return WithJsonSchema(schema)


Text = Annotated[str, Field(max_length=_TEXT_CHARS_MAX), AfterValidator(_check_text)]
ProviderName = Annotated[str, Field(pattern=f"^{PROVIDER_NAME.pattern}$")]
Url = Annotated[str, AfterValidator(_check_address), _shown({"type": "string", "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://"})]
Proxy = Annotated[
    str, AfterValidator(_check_proxy), _shown({"type": "string", "pattern": "^(none$|[Hh][Tt][Tt][Pp][Ss]?://)"})
]
FilePath = Annotated[Text, AfterValidator(_check_path), _shown({"type": "string", "pattern": "^/"})]
Count = Annotated[int, Field(ge=1, le=10**12)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Price = Annotated[
    str,
    BeforeValidator(_price),
    _shown(
        {
            "anyOf": [{"type": "number", "minimum": 0, "maximum": _PRICE_MAX}, {"type": "string"}],
            "description": "US dollars for a million tokens",
        }
    ),
]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
Memory = Annotated[
    int,
    BeforeValidator(_memory_bytes),
    Field(ge=_MEMORY_MIN_BYTES, le=2**50),
    _shown(
        {
            "anyOf": [
                {"type": "integer", "minimum": _MEMORY_MIN_BYTES, "maximum": 2**50},
                {"type": "string", "pattern": f"^{_MEMORY.pattern}$"},
            ],
            "description": "a size such as 512MB or 1GiB",
        }
    ),
]
User = Annotated[
    int | str,
    PlainValidator(_check_user),
    _shown({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": f"^{_USER_NAME.pattern}$"}]}),
]
ClientId = Annotated[str, AfterValidator(_check_client_id)]
IsolationWord = Literal["required", "best_effort", "off"]
CapTexts = Annotated[tuple[Cap, ...], PlainValidator(_caps)]
Headers = Annotated[dict[Text, Text], Field(max_length=_HEADERS_MAX), AfterValidator(_check_headers)]


class _Level(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class LimitFields(_Level):
    """``limits:`` of a provider."""

    requests_per_minute: Count | None = None
    tokens_per_minute: Count | None = None
    concurrency: Count | None = None


class TimeLimitFields(_Level):
    """``time_limits:`` of a provider."""

    connect_s: Seconds | None = None
    first_event_s: Seconds | None = None
    idle_s: Seconds | None = None
    call_s: Seconds | None = None


class PriceFields(_Level):
    """``prices:`` of a model, in US dollars for a million tokens; what is left out costs what input costs."""

    input: Price
    output: Price
    cache_read: Price | None = None
    cache_write: Price | None = None
    cache_write_1h: Price | None = None


class ModelFields(_Level):
    """One entry of a provider's ``catalog:``."""

    context: Count | None = None
    max_output: Count | None = None
    efforts: list[Effort] | None = None
    default_effort: Effort | None = None
    prices: PriceFields | None = None


class CompactionFields(_Level):
    """``compaction:``: when and how long conversations are made shorter; a share of the window, or tokens."""

    enabled: bool | None = None
    at: Annotated[float, Field(ge=0.1, le=1.0)] | None = None
    at_tokens: Annotated[int, Field(ge=1000)] | None = None
    template: Literal["general", "coder", "researcher", "email", "devops"] | None = None
    native: bool | None = None
    clear_tool_results: bool | None = None


class ProviderFields(_Level):
    """One entry of ``providers:``."""

    type: Literal["anthropic", "openai", "openai-codex", "gemini", "openrouter", "ollama", "local"]
    auth: Literal["api_key", "oauth", "none"] | None = None
    model: Text | None = None
    default_model: Text | None = None
    base_url: Url | None = None
    endpoint: Url | None = None
    label: Text | None = None
    enabled: bool | None = None
    dialect: Literal["anthropic", "openai-responses", "openai-chat", "gemini", "ollama"] | None = None
    profile: ProviderName | None = None
    limits: LimitFields | None = None
    time_limits: TimeLimitFields | None = None
    model_aliases: dict[Text, Text] | None = None
    retired_models: Literal["translate", "refuse"] | None = None
    cache: Literal["auto", "off"] | None = None
    prompt_cache_retention: Literal["extended", "24h", "in_memory"] | None = None
    compaction: CompactionFields | None = None
    catalog: Annotated[dict[Text, ModelFields | None], Field(max_length=_STATED_MODELS_MAX)] | None = None
    headers: Headers | None = None
    proxy: Proxy | None = None
    ca_bundle: FilePath | None = None
    memory_max: Memory | None = None
    memory_max_bytes: Memory | None = None
    oauth_issuer: Url | None = None
    oauth_client_id: ClientId | None = None
    isolation: IsolationWord | None = None
    budget: CapTexts | None = None


class DefaultFields(_Level):
    """``defaults:``: a provider's name for each role."""

    chat: Text | None = None
    autonomous: Text | None = None
    fallback: Text | None = None


class HttpFields(_Level):
    """``http:``: the web process. The block enables it, unless it says otherwise."""

    enabled: bool | None = None
    host: Annotated[str, AfterValidator(_check_host)] | None = None
    port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    remote: bool | None = None
    names: Annotated[list[Annotated[str, AfterValidator(_check_name)]], Field(max_length=32)] | None = None


class AlertFields(_Level):
    """``alerts:``: what is run, or called, when an operator should look."""

    command: Annotated[list[Text], Field(min_length=1, max_length=_WORDS_MAX)] | None = None
    webhook: Url | None = None
    on: list[Literal["failed", "needs_login", "budget", "all_unavailable", "recovered"]] | None = None
    repeat_minutes: Annotated[float, Field(ge=1, le=10_080)] | None = None


class TelemetryFields(_Level):
    """``telemetry:``: what operators' own tools are given."""

    prometheus: bool | None = None
    otlp: Url | None = None


class TopFields(_Level):
    """The top of the file. ``providers:`` is taken out before, and its entries are checked one by one."""

    providers: None = None
    defaults: DefaultFields | None = None
    isolation: IsolationWord | None = None
    retired_models: Literal["translate", "refuse"] | None = None
    proxy: Proxy | None = None
    ca_bundle: FilePath | None = None
    memory_max: Memory | None = None
    memory_max_bytes: Memory | None = None
    operators: list[User] | None = None
    agents: list[User] | None = None
    agents_group: User | None = None
    http: HttpFields | None = None
    budgets: CapTexts | None = None
    alerts: AlertFields | None = None
    telemetry: TelemetryFields | None = None


def json_schema() -> dict[str, Any]:
    """models.yaml as a JSON Schema (draft 2020-12), for editors: what is wrong by it is wrong here too."""
    schema = TopFields.model_json_schema()
    entry = ProviderFields.model_json_schema()
    schema["$defs"] = dict(
        sorted({**schema.get("$defs", {}), **entry.pop("$defs", {}), "ProviderFields": entry}.items())
    )
    schema["properties"]["providers"] = {
        "anyOf": [
            {
                "type": "object",
                "propertyNames": {"pattern": f"^{PROVIDER_NAME.pattern}$"},
                "additionalProperties": {"$ref": "#/$defs/ProviderFields"},
            },
            {"type": "null"},
        ],
        "description": "by name: small letters, digits and . _ -",
    }
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "models.yaml of KruxOS"}
    return head | {key: value for key, value in schema.items() if key != "title"}


_LEVELS: dict[str, type[BaseModel]] = {
    "limits": LimitFields,
    "time_limits": TimeLimitFields,
    "catalog": ModelFields,
    "prices": PriceFields,
    "defaults": DefaultFields,
    "http": HttpFields,
    "alerts": AlertFields,
    "telemetry": TelemetryFields,
}
_OTHER_WORDS = {
    "api_base": "base_url", "apibase": "base_url", "url": "base_url", "host": "endpoint", "provider": "type",
    "name": "label", "timeout": "time_limits", "rpm": "limits", "models": "model", "disabled": "enabled",
}  # fmt: skip


def check(model: type[M], data: Any, report: Report) -> M | None:
    """``data`` as the level ``model``, or None after everything that is wrong with it has been reported."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        details = error.errors(include_url=False)
    for path, detail in _by_place(details).items():
        report.wrong(path, *_explain(model, path, detail))
    return None


def _by_place(details: list[ErrorDetails]) -> dict[Path, ErrorDetails]:
    """One error a place."""
    found: dict[Path, ErrorDetails] = {}
    for detail in details:
        found.setdefault(tuple(part for part in detail["loc"] if part != "[key]"), detail)
    return found


_PLAIN_WORDS = {
    "bool_type": ("must be true or false", ""),
    "int_type": ("must be a whole number", "write it without quotes and units"),
    "float_type": ("must be a number", "write it without quotes and units"),
    "string_type": ("must be text", 'put it in quotes: "..."'),
    "string_too_long": ("is too long", ""),
    "too_long": ("has too many entries", ""),
    "model_type": ("must be a map", "write its fields below it, indented"),
    "dict_type": ("must be a map", "write its fields below it, indented"),
    "greater_than": ("must be more than nothing", ""),
    "list_type": ("must be a list", "such as [1000, 1001]"),
    "string_pattern_mismatch": ("must be a name of small letters, digits and . _ -", ""),
}


def _explain(model: type[BaseModel], path: Path, detail: ErrorDetails) -> tuple[str, str]:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "extra_forbidden":
            return "this key is not known here", _nearest_key(model, path)
        case "missing":
            words = _allowed(model, path)
            return f"`{path[-1]}` is missing", f"one of {', '.join(words)}" if words else ""
        case "literal_error":
            return "this value is not one of those allowed", _nearest_value(_allowed(model, path), detail["input"])
        case "value_error":
            message, fix = (*context["error"].args, "")[:2]
            return message, fix
        case "greater_than_equal":
            return f"must be at least {context['ge']}", ""
        case "less_than_equal":
            return f"must be at most {context['le']:.0f}", ""
        case other:
            return _PLAIN_WORDS.get(other, ("this value cannot be used", ""))


def _nearest_key(model: type[BaseModel], path: Path) -> str:
    known, key = list(_level(model, path).model_fields), str(path[-1]).lower()
    if names_secret(key):
        return "keys are not written here: `kruxos vault add model-provider:NAME api-key`"
    other = _OTHER_WORDS.get(key)
    near = [other] if other in known else get_close_matches(key.replace("-", "_"), known, 1)
    return f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(known)}"


def _nearest_value(allowed: list[str], value: object) -> str:
    by_spelling = {word.replace("_", "-"): word for word in allowed}
    near = get_close_matches(str(value).lower().replace("_", "-").replace(" ", "-"), by_spelling, 1)
    return f"did you mean `{by_spelling[near[0]]}`?" if near else f"one of {', '.join(allowed)}"


def _allowed(model: type[BaseModel], path: Path) -> list[str]:
    """The words that a field takes: those of its ``Literal``, or of the one within its type."""
    named = tuple(part for part in path if isinstance(part, str))
    return list(_words_in(_level(model, named).model_fields[named[-1]].annotation))


def _words_in(annotation: Any) -> Iterator[str]:
    for argument in get_args(annotation):
        if isinstance(argument, str):
            yield argument
        else:
            yield from _words_in(argument)


def _level(model: type[BaseModel], path: Path) -> type[BaseModel]:
    for part in path[:-1]:
        model = _LEVELS.get(str(part), model)
    return model
