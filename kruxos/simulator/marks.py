"""State that providers put beside what a model thought, so that it can be told when it comes back.

Each provider has its own form: a signature, an encrypted item, a list of details. What is signed is the text where the
provider notices a changed one, else a constant.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from .signing import Signer

THOUGHTS = "thoughts"
ANSWER = "answer"
"""What carries the state: the thinking, or what it led to (the first call, else the end of the text)."""
REDACTED = "redacted_thinking"
"""The kind of thinking that only its provider can read; here also the text that its data is signed for."""


@dataclass(frozen=True, slots=True)
class Thought:
    """A piece of thinking that is given out: its text as shown, and its place in the answer.

    ``number`` tells it from others with the same text.
    """

    text: str
    number: int
    answer_id: str
    index: int
    is_redacted: bool = False


Mark: TypeAlias = Callable[[Signer, Thought], tuple[str, bytes] | None]
"""Kind and data of the state for a piece of thinking; None: there is none."""


def signature(signer: Signer, thought: Thought) -> tuple[str, bytes]:
    """Anthropic's: the text is signed."""
    if thought.is_redacted:
        return REDACTED, signer.sign(REDACTED, thought.number)
    return "signature", signer.sign(thought.text, thought.number)


def no_mark(_signer: Signer, _thought: Thought) -> None:
    """Nothing goes with the thinking."""
    return
