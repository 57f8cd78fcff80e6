"""The shape of a generateContent request (Google API definitions: generative_service.proto, content.proto)."""

from __future__ import annotations

from kruxos.simulator.shapes import ANYTHING, FLAG, OBJECT, TEXT, WHOLE, Items, Number, Record, Shape, Text

NAME = "^[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}$"
STOPS_MAX = 5
SEED_MAX = 2**31 - 1
_CALL_NAME = Text(chars_min=1)

_BLOB = Record({"mimeType": TEXT, "data": TEXT, "displayName": TEXT}, ("mimeType", "data"), is_closed=True)
_FILE = Record({"mimeType": TEXT, "fileUri": TEXT, "displayName": TEXT}, ("fileUri",), is_closed=True)
_CALL = Record({"id": TEXT, "name": _CALL_NAME, "args": OBJECT}, ("name",), is_closed=True)
_RESPONSE = Record(
    {
        "id": TEXT, "name": _CALL_NAME, "response": OBJECT, "parts": Items(OBJECT), "willContinue": FLAG,
        "scheduling": TEXT,
    },
    ("name", "response"),
    is_closed=True,
)  # fmt: skip
_PART = Record(
    {
        "text": TEXT, "thought": FLAG, "thoughtSignature": TEXT, "inlineData": _BLOB, "fileData": _FILE,
        "functionCall": _CALL, "functionResponse": _RESPONSE, "executableCode": OBJECT, "codeExecutionResult": OBJECT,
        "videoMetadata": OBJECT, "mediaResolution": ANYTHING, "partMetadata": OBJECT, "toolCall": OBJECT,
        "toolResponse": OBJECT,
    },
    is_closed=True,
)  # fmt: skip
_CONTENT = Record({"role": TEXT, "parts": Items(_PART)}, is_closed=True)
_DECLARATION = Record(
    {
        "name": TEXT, "description": TEXT, "parameters": OBJECT, "parametersJsonSchema": ANYTHING, "response": OBJECT,
        "responseJsonSchema": ANYTHING, "behavior": TEXT,
    },
    ("name",),
    is_closed=True,
)  # fmt: skip
_TOOLS_OF_GOOGLE: dict[str, Shape] = dict.fromkeys(
    ("googleSearch", "googleSearchRetrieval", "codeExecution", "urlContext", "computerUse", "fileSearch", "googleMaps",
     "mcpServers"), ANYTHING,
)  # fmt: skip
_TOOL = Record({"functionDeclarations": Items(_DECLARATION), **_TOOLS_OF_GOOGLE}, is_closed=True)
_TOOL_CONFIG = Record(
    {
        "functionCallingConfig": Record(
            {"mode": Text(("MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED")),
             "allowedFunctionNames": Items(TEXT), "streamFunctionCallArguments": FLAG},
            is_closed=True,
        ),
        "retrievalConfig": OBJECT, "includeServerSideToolInvocations": FLAG,
    },
    is_closed=True,
)  # fmt: skip
_THINKING = Record({"includeThoughts": FLAG, "thinkingBudget": WHOLE, "thinkingLevel": TEXT}, is_closed=True)
_CONFIG = Record(
    {
        "maxOutputTokens": Number(1, name="integer"), "temperature": Number(0, 2), "topP": Number(0, 1),
        "topK": Number(0), "stopSequences": Items(TEXT, count_max=STOPS_MAX),
        "seed": Number(-SEED_MAX - 1, SEED_MAX, name="integer"), "candidateCount": Number(1, 8, name="integer"),
        "presencePenalty": Number(-2, 2), "frequencyPenalty": Number(-2, 2),
        "responseMimeType": TEXT, "responseSchema": OBJECT, "responseJsonSchema": ANYTHING, "thinkingConfig": _THINKING,
        "responseLogprobs": FLAG, "logprobs": WHOLE, "enableEnhancedCivicAnswers": FLAG,
        "responseModalities": Items(TEXT), "speechConfig": OBJECT, "mediaResolution": TEXT, "imageConfig": OBJECT,
    },
    is_closed=True,
)  # fmt: skip
_FIELDS: dict[str, Shape] = {
    "contents": Items(_CONTENT),
    "systemInstruction": _CONTENT,
    "tools": Items(_TOOL),
    "toolConfig": _TOOL_CONFIG,
    "generationConfig": _CONFIG,
    "safetySettings": Items(OBJECT),
    "cachedContent": TEXT,
    "serviceTier": TEXT,
    "labels": OBJECT,
    "model": TEXT,
    "store": FLAG,
}

GENERATE = Record(_FIELDS, is_closed=True)
COUNT = Record({"contents": Items(_CONTENT), "generateContentRequest": GENERATE, "model": TEXT}, is_closed=True)
