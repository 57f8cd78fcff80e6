"""OpenAI's Responses as a row. Keys, limits, errors and headers are those of its Chat Completions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kruxos.dialects.openai_responses import OPENAI_RESPONSES
from kruxos.dialects.text import json_bytes
from kruxos.simulator.marks import Mark, Thought
from kruxos.simulator.openai_chat.provider import OPENAI
from kruxos.simulator.planning import HIDDEN, SEALED, SHOWN
from kruxos.simulator.provider import Question
from kruxos.simulator.signing import Signer

from .item_rules import encrypted
from .rules import RULES, WINDOW_RULES, reasons, wants_summary
from .shapes import ENCRYPTED

REASONING = "reasoning_item"
CONTENT = "encrypted_content"


def thinking(question: Question) -> str | None:
    """Reasoning is an item where it can be sent back or read, else only its tokens are counted."""
    if not reasons(question):
        return None
    if wants_summary(question):
        return SHOWN
    return SEALED if ENCRYPTED in (question.body.get("include") or ()) else HIDDEN


def mark(question: Question) -> Mark:
    """Reasoning is a whole item; what only OpenAI can read is in it where that was asked for."""
    is_encrypted = ENCRYPTED in (question.body.get("include") or ())

    def reasoning_item(signer: Signer, thought: Thought) -> tuple[str, bytes]:
        item: dict[str, Any] = {"id": f"rs_{thought.answer_id}_{thought.index}", "type": "reasoning", "summary": []}
        return REASONING, json_bytes(item | ({CONTENT: encrypted(signer, thought)} if is_encrypted else {}))

    return reasoning_item


def _answer_id(request_id: str) -> str:
    return request_id.removeprefix("req_")[:32]


OPENAI_RESPONSES_ROW = replace(
    OPENAI,
    dialect=OPENAI_RESPONSES,
    rules=RULES,
    window=WINDOW_RULES,
    answer_id=_answer_id,
    thinking=thinking,
    mark=mark,
)
