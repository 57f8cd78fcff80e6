"""Made-up answers: plain sentences about what was asked, the same for the same prompt and seed."""

from __future__ import annotations

import re
from random import Random

from . import tokens
from .directives import without_markers

_READ_CHARS_MAX = 20_000
"""More of a prompt is not looked at for words to speak of."""
_SUBJECTS_MAX = 8
_WORD = re.compile(r"[A-Za-z][A-Za-z'-]{3,24}")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{2,20}(?: [A-Z][a-z]{2,20})?")
_COMMON = re.compile(
    r"about|after|also|answer|because|before|between|could|does|down|each|explain|from|give|have|here|into|just|know"
    r"|like|make|many|more|most|much|must|need|only|other|over|please|question|same|should|show|some|such|tell|than"
    r"|that|their|them|then|there|these|they|this|those|through|under|user|using|very|want|were|what|when|where|which"
    r"|while|with|without|would|write|your",
    re.IGNORECASE,
)
_SENTENCES = (
    "The first thing to know about {a} is how it relates to {b}.",
    "In short, {a} depends on {b}.",
    "There are two sides to {a}: what it needs, and what it gives back.",
    "A good way to begin is to look at {a} on its own.",
    "Most people who work with {a} keep {b} in mind from the start.",
    "If {a} changes, {b} usually has to change with it.",
    "For example, take {a} and leave everything else as it is.",
    "That makes {b} easier to check later.",
    "None of this is special to {a}.",
    "The rest follows from {b}.",
)
_THOUGHTS = (
    "The user asks about {a}.",
    "So I should say how {a} and {b} belong together.",
    "Let me consider {b} first.",
    "Is there anything about {a} that I would get wrong?",
    "A short answer will do, with one example for {b}.",
)
_REFUSAL = "I can't help with that request."


def subjects(text: str) -> list[str]:
    """The words that a text is about, in their order."""
    found = _WORD.findall(without_markers(text[:_READ_CHARS_MAX]))
    words = dict.fromkeys(word for word in found if not _COMMON.fullmatch(word))
    return list(words)[:_SUBJECTS_MAX] or ["this"]


def names(text: str) -> list[str]:
    """Names of places or people in a text, as far as capitals tell."""
    return _NAME.findall(without_markers(text[:_READ_CHARS_MAX]))


def answer(text: str, chance: Random, length: int | None) -> str:
    """An answer to a text, of about ``length`` tokens."""
    return _composed(_SENTENCES, text, chance, length or chance.randint(24, 64))


def thoughts(text: str, chance: Random, length: int | None) -> str:
    """Thoughts about a text, of about ``length`` tokens."""
    return _composed(_THOUGHTS, text, chance, length or chance.randint(16, 40))


def refusal() -> str:
    """What a model says that declines."""
    return _REFUSAL


def _composed(sentences: tuple[str, ...], text: str, chance: Random, length: int) -> str:
    words = subjects(text)
    pieces: list[str] = []
    have = 0
    while have < length:
        sentence = chance.choice(sentences).format(a=chance.choice(words), b=chance.choice(words))
        pieces += tokens.split(f" {sentence}" if pieces else sentence)
        have = len(pieces)
    return "".join(pieces[:length]) if length > 1 else pieces[0]
