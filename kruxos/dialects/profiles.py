"""What differs between providers of one dialect: rows of plain values, no behaviour.

A behaviour that two rows need is a named, tested function of the dialect, chosen here by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from kruxos import __version__

_SAMPLING = frozenset({"temperature", "top_p", "top_k", "seed", "presence_penalty", "frequency_penalty", "stop"})
_OPENAI = _SAMPLING - {"top_k"}
_REFUSED_BY_CODEX = frozenset(
    {
        "max_output_tokens", "temperature", "top_p", "presence_penalty", "frequency_penalty", "seed", "metadata",
        "top_logprobs", "truncation", "user", "safety_identifier", "context_management",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Profile:
    """One provider's or server's ways.

    ``dialect`` is the usual one; a provider's settings may name another. ``auth`` is ``bearer``, or the header that
    holds the key. ``headers`` go with every request. ``sampling`` names the wishes of a request that it takes
    (``stop`` among them); temperatures are clamped to the range. ``catalogue`` names the profile whose models it sells,
    where it is not its own. ``names_begin_with_letter``: names of tools do, or with ``_``. ``stops_max`` and
    ``tools_max`` are how many stop sequences and tools it takes, 0 where no limit is known. ``plain_tool_schemas``: a
    tool's schema is one object, without ``anyOf`` and the like at its top. The fields from ``max_tokens_field`` on are
    the Chat Completions dialect's. They name its functions: ``thinking`` how an effort is said, ``tool_ids`` how ids of
    tool calls are spelled, ``begun_answers`` how an answer is marked that the model goes on from, ``reasoning`` how
    thinking goes back, ``error_codes`` a table of numeric codes.

    The last ones are the Responses dialect's. ``always_streams``: it knows no other answer. ``item_ids``: items go back
    with their ids. ``reasoning_items`` names how reasoning goes back. ``system_role`` is that of instructions within
    the conversation, ``instructions`` what stands in where an agent gives none. ``summary``: the summary of reasoning
    to ask for. ``refused_fields`` are fields of the protocol that it answers with an error. ``keeps_nothing``: an
    answer can't be referred to later. ``pads_streams``: against eavesdroppers, unless told not to. ``login``: its
    credentials are a login that has to be renewed. ``first_event_s``: how long the first word may take, where that is
    longer than usual. ``documented_efforts``: levels that the product's documentation maps to others, for models that
    lack the level itself. ``cache_key`` is the field that names a conversation for the provider's prompt cache, empty
    where it has none; ``cache_retention``: it can be told to keep prefixes for long. ``compaction`` names how it
    is asked to compact a conversation itself: ``edits`` (of models that have the ability), ``threshold``; empty: it
    does not.
    """

    name: str
    dialect: str
    base_url: str
    auth: str = "bearer"
    headers: tuple[tuple[str, str], ...] = ()
    thinking: str = "omitted"
    sampling: frozenset[str] = _SAMPLING
    temperature_min: float = 0.0
    temperature_max: float = 2.0
    top_p_min: float = 0.0
    top_p_max: float = 1.0
    catalogue: str = ""
    stops_max: int = 0
    tools_max: int = 0
    plain_tool_schemas: bool = False
    max_tokens_field: str = "max_tokens"
    seed_field: str = "seed"
    stream_usage: bool = True
    parallel_tool_calls: bool = True
    strict_tools: bool = True
    json_schema: bool = True
    forced_tool_choice: str = "plain"
    documents: str = "none"
    user_after_tool: bool = True
    begun_answers: str = "as_given"
    tool_ids: str = "as_given"
    reasoning: str = "never"
    reasoning_outside: bool = False
    error_codes: str = "none"
    names_begin_with_letter: bool = False
    always_streams: bool = False
    item_ids: bool = True
    reasoning_items: str = "as_given"
    system_role: str = "system"
    instructions: str = ""
    summary: str = ""
    refused_fields: frozenset[str] = frozenset()
    keeps_nothing: bool = False
    pads_streams: bool = False
    login: bool = False
    first_event_s: float = 0.0
    documented_efforts: tuple[tuple[str, str], ...] = ()
    cache_key: str = ""
    cache_retention: bool = False
    compaction: str = ""


ANTHROPIC = Profile(
    "anthropic",
    "anthropic",
    "https://api.anthropic.com",
    auth="x-api-key",
    thinking="anthropic",
    sampling=frozenset({"temperature", "top_p", "top_k", "stop"}),
    temperature_max=1.0,
    plain_tool_schemas=True,
    compaction="edits",
)
OPENAI = Profile(
    "openai",
    "openai-responses",
    "https://api.openai.com/v1",
    thinking="openai",
    sampling=_OPENAI,
    max_tokens_field="max_completion_tokens",
    stops_max=4,
    tools_max=128,
    plain_tool_schemas=True,
    documents="file",
    item_ids=False,
    reasoning_items="encrypted",
    system_role="developer",
    pads_streams=True,
    cache_key="prompt_cache_key",
    cache_retention=True,
    compaction="threshold",
)
OPENAI_CODEX = Profile(
    "openai-codex",
    "openai-responses",
    "https://chatgpt.com/backend-api/codex",
    headers=(("originator", f"kruxos/{__version__}"),),
    thinking="openai",
    sampling=frozenset(),
    tools_max=128,
    plain_tool_schemas=True,
    catalogue="openai",
    always_streams=True,
    item_ids=False,
    reasoning_items="encrypted",
    system_role="developer",
    instructions="You are a helpful assistant.",
    summary="auto",
    refused_fields=_REFUSED_BY_CODEX,
    keeps_nothing=True,
    login=True,
    cache_key="prompt_cache_key",
)
GENERIC = Profile("generic", "openai-chat", "", thinking="openai", reasoning="as_named", documents="file")
DEEPSEEK = Profile(
    "deepseek",
    "openai-chat",
    "https://api.deepseek.com",
    thinking="switch_and_effort",
    sampling=_OPENAI - {"seed"},
    json_schema=False,
    forced_tool_choice="without_thinking",
    reasoning="always",
    parallel_tool_calls=False,
)
GLM = Profile(
    "glm",
    "openai-chat",
    "https://api.z.ai/api/paas/v4",
    thinking="switch_and_effort",
    documented_efforts=(("low", "none"), ("medium", "high"), ("max", "high")),
    sampling=frozenset({"temperature", "top_p", "seed", "stop"}),
    temperature_min=0.01,
    temperature_max=1.0,
    top_p_min=0.01,
    top_p_max=0.99,
    parallel_tool_calls=False,
    strict_tools=False,
    json_schema=False,
    reasoning="as_named",
    error_codes="glm",
)
GROK = Profile(
    "grok",
    "openai-chat",
    "https://api.x.ai/v1",
    thinking="openai",
    documented_efforts=(("none", "low"), ("medium", "high"), ("max", "high")),
    sampling=frozenset({"temperature", "top_p", "seed"}),
    strict_tools=False,
    max_tokens_field="max_completion_tokens",
    reasoning_outside=True,
)
MISTRAL = Profile(
    "mistral",
    "openai-chat",
    "https://api.mistral.ai/v1",
    thinking="openai",
    temperature_max=1.0,
    seed_field="random_seed",
    tools_max=128,
    stream_usage=False,
    strict_tools=False,
    documents="document_url",
    user_after_tool=False,
    begun_answers="prefix",
    tool_ids="nine_characters",
    reasoning="chunks",
    error_codes="mistral",
    cache_key="prompt_cache_key",
)
GROQ = Profile(
    "groq",
    "openai-chat",
    "https://api.groq.com/openai/v1",
    thinking="openai",
    sampling=frozenset({"temperature", "top_p", "seed", "stop"}),
    max_tokens_field="max_completion_tokens",
    stops_max=4,
    tools_max=128,
)
OPENROUTER = Profile(
    "openrouter",
    "openai-chat",
    "https://openrouter.ai/api/v1",
    thinking="passed_through",
    headers=(("HTTP-Referer", "https://kruxos.com"), ("X-OpenRouter-Title", "KruxOS"), ("X-Title", "KruxOS")),
    reasoning="details",
    names_begin_with_letter=True,
    stops_max=4,
    plain_tool_schemas=True,
    documents="file",
    cache_key="session_id",
)

GEMINI = Profile(
    "gemini",
    "gemini",
    "https://generativelanguage.googleapis.com/v1beta",
    auth="x-goog-api-key",
    sampling=_SAMPLING - {"presence_penalty", "frequency_penalty"},
    names_begin_with_letter=True,
    stops_max=5,
)
OLLAMA = Profile("ollama", "ollama", "http://localhost:11434", first_event_s=600.0)

PROFILES = {
    row.name: row
    for row in (
        ANTHROPIC,
        OPENAI,
        OPENAI_CODEX,
        GENERIC,
        DEEPSEEK,
        GLM,
        GROK,
        MISTRAL,
        GROQ,
        OPENROUTER,
        GEMINI,
        OLLAMA,
    )
}


def choose_profile(kind: str, base_url: str, name: str | None = None) -> Profile | None:
    """The profile of a provider of type ``kind``: the named one, the type's own, or that of the address.

    An unknown host of type ``openai`` is ``generic``; a profile with a login has its own type. None where there is no
    such profile.
    """
    if name is not None:
        return PROFILES.get(name)
    if kind != "openai":
        return PROFILES.get(kind)
    host = urlsplit(base_url).hostname
    for row in PROFILES.values():
        speaks_openai = row.dialect in ("openai-chat", "openai-responses") and not row.login
        if speaks_openai and row.base_url and urlsplit(row.base_url).hostname == host:
            return row
    return GENERIC


def origin_of(profile: Profile, base_url: str) -> str:
    """The tag of provider state: the profile's name at its own host, else with the host that made it."""
    host = urlsplit(base_url).netloc
    return profile.name if host == urlsplit(profile.base_url).netloc else f"{profile.name}@{host}"
