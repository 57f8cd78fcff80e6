"""What is to be done with one request: nothing, a summary that is at hand, or one that has to be asked for first.

A request far below its model's window costs one comparison. Above it the conversation is cut (``planning``), and the
old part's summary is looked up by the hash of what it stands for. Where none stands for enough, the model is asked for
one: of the latest summary and what came since, so nothing is summed up twice. ``decide`` gives ``Ready`` or ``Needed``;
who asked the model comes back with its text to ``settle``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from kruxos import catalog
from kruxos.errors import BadRequestError
from kruxos.events import Notice
from kruxos.messages import Message, Request, Text
from kruxos_workers.compaction.planning import Room, choose_cut, places_to_cut
from kruxos_workers.compaction.summaries import Summaries, Summary, digests_of
from kruxos_workers.compaction.templates import instructions
from kruxos_workers.compaction.transcript import Transcript, transcript_of
from kruxos_workers.compaction.wishes import Wish
from kruxos_workers.estimate import estimate_range, message_tokens

HEADING = "[The older part of this conversation was replaced by this summary of it.]\n\n"
SUMMARY_TOKENS_MAX = 8192
"""What a summary may have, thinking of models that always think among it."""
SUMMARY_SHARE = 8
"""One part in so many of the length at which a conversation is compacted, where that is less."""
WORDS_PER_TOKEN = 0.35
MARGIN = 0.9
"""How full the window may be by our estimate when a summary is asked for."""


@dataclass(frozen=True, slots=True)
class Length:
    """How long a request is, in tokens: by our estimate with large pictures, set right by ``ratio``.

    ``window`` is what its ``model`` takes. ``caution``: by how much more it may be longer, as nothing like it is known.
    """

    model: str
    estimate: int
    window: int
    ratio: float = 1.0
    caution: float = 1.0

    @property
    def tokens(self) -> float:
        """How long it probably is."""
        return self.estimate * self.ratio


def window_of(row: catalog.Model | None, request: Request) -> int | None:
    """The tokens that a model takes as input, beside the output that is wished for; None: not known."""
    if row is None or row.max_input is not None or row.context is None:
        return None if row is None else row.max_input
    wanted = min(request.max_output_tokens or 0, row.max_output or row.context, row.context // 2)
    return row.context - wanted


@dataclass(frozen=True, slots=True)
class Ready:
    """The request as it can be sent; ``notice`` tells what was done to it."""

    request: Request
    notice: Notice | None = None


@dataclass(frozen=True, slots=True)
class Needed:
    """A summary is needed: ``ask`` is the question for it. Calls of one ``conversation`` should ask one by one."""

    ask: Request
    conversation: str
    request: Request
    length: Length
    place: int
    digest: str
    transcript: Transcript
    template: str
    lost: bool
    older: Summary | None = None


@dataclass(slots=True)
class Compactor:
    """Of one provider."""

    summaries: Summaries = field(default_factory=Summaries)

    def restore(self, state: object) -> None:
        """Takes over a forerunner's summaries; what is no such thing is not believed."""
        if isinstance(state, dict):
            with contextlib.suppress(BadRequestError):
                self.summaries.restore(cast("dict[str, Any]", state))

    def decide(self, request: Request, length: Length, wish: Wish, agent: str) -> Ready | Needed:
        """What is to be done before the request is sent."""
        threshold = wish.threshold(length.window)
        if not wish.enabled or length.tokens * length.caution < threshold:
            return Ready(request)
        messages = request.messages
        places, digests = places_to_cut(messages), digests_of(agent, messages)
        at_hand = self.summaries.longest(digests, places)
        start, older, ready = 0, None, Ready(request)
        if at_hand is not None:
            start, older = at_hand
            ready = _reused(request, start, older, length)
            if _tokens(ready.request, length) < threshold:
                return ready
        needed = self._needed(request, length, wish, digests, threshold, start, older)
        if needed is not None:
            return needed
        return ready if older is not None else Ready(request, _impossible(length, threshold))

    def _needed(
        self, request: Request, length: Length, wish: Wish, digests: Sequence[str], threshold: int, start: int,
        older: Summary | None,
    ) -> Needed | None:  # fmt: skip
        messages = request.messages
        sizes = [0.0 if each.role == "system" else message_tokens(each, length.model) for each in messages]
        scaled = [size * length.ratio for size in sizes]
        room = Room(int(threshold - (length.tokens - sum(scaled))), _summary_tokens(threshold))
        place = choose_cut(messages, scaled, start, room)
        if place is None:
            return None
        asked = instructions(wish.template, round(room.summary * WORDS_PER_TOKEN))
        spare = MARGIN * length.window - room.summary - _text(asked, length)
        before = "" if older is None else older.text
        transcript = transcript_of(
            messages[start:place], before, spare, lambda text: _text(text, length) * length.caution
        )
        if transcript is None:
            return None
        first = next(digest for digest, each in zip(digests, messages, strict=True) if each.role != "system")
        lost = self.summaries.has_lost(digests[start:place])
        return Needed(
            _question(asked, transcript, room.summary), first, request, length, place, digests[place - 1], transcript,
            wish.template, lost, older,
        )  # fmt: skip

    def settle(self, needed: Needed, text: str, **paid: Any) -> Ready:
        """The summary has come, and is kept: the request with it. ``paid``: what is told of what it cost."""
        older, transcript = needed.older, needed.transcript
        images = transcript.images + (older.images if older else 0)
        documents = transcript.documents + (older.documents if older else 0)
        summary = Summary(f"sum_{needed.digest[:16]}", text, images, documents)
        self.summaries.add(needed.digest, summary)
        request = _replaced(needed.request, needed.place, summary)
        data = _data(needed.request, request, needed.place, summary, needed.length)
        data |= {"summary": HEADING + text, "template": needed.template, "shortened": transcript.shortened}
        lost = "; its summary was lost in a restart and had to be paid for again" if needed.lost else ""
        data["again"] = needed.lost
        message = f"{_words(data)} by a summary that the model wrote{lost}"
        return Ready(request, Notice("compacted", message, {**data, **paid, "reused": False}))


def _reused(request: Request, place: int, summary: Summary, length: Length) -> Ready:
    shorter = _replaced(request, place, summary)
    data = _data(request, shorter, place, summary, length)
    return Ready(shorter, Notice("compacted", f"{_words(data)} by the summary at hand", {**data, "reused": True}))


def _replaced(request: Request, place: int, summary: Summary) -> Request:
    """The request with a summary for the messages before ``place``; those of the system stay."""
    messages = request.messages
    system = [each for each in messages[:place] if each.role == "system"]
    stands_in = Message("user", [Text(HEADING + summary.text)])
    return replace(request, messages=[*system, stands_in, *messages[place:]])


def _data(before: Request, after: Request, place: int, summary: Summary, length: Length) -> dict[str, Any]:
    """``first`` and ``last`` are the indexes of the messages that the summary stands for, without ``kept``."""
    replaced = [index for index in range(place) if before.messages[index].role != "system"]
    kept = [index for index in range(replaced[0], replaced[-1]) if before.messages[index].role == "system"]
    return {
        "first": replaced[0], "last": replaced[-1], "kept": kept, "summary_id": summary.id, "images": summary.images,
        "documents": summary.documents, "tokens_before": round(length.tokens),
        "tokens_after": round(_tokens(after, length)),
    }  # fmt: skip


def _words(data: dict[str, Any]) -> str:
    seen = {"pictures": data["images"], "documents": data["documents"]}
    without = " and ".join(f"{count} {name}" for name, count in seen.items() if count)
    left_out = f" (without {without})" if without else ""
    return (
        f"messages {data['first']} to {data['last']}{left_out} were replaced, about {data['tokens_before']:,} tokens"
        f" became {data['tokens_after']:,},"
    )


def _impossible(length: Length, threshold: int) -> Notice:
    message = (
        f"about {round(length.tokens):,} tokens are over the {threshold:,} at which a conversation is compacted, but it"
        " has no older part that could be taken away"
    )
    return Notice("not_compacted", message, {"tokens": round(length.tokens), "at_tokens": threshold})


def _question(asked: str, transcript: Transcript, tokens: int) -> Request:
    text = f"{asked}\n\n<conversation>\n{transcript.text}\n</conversation>\n\nNow write the summary."
    cache = {"enabled": False}
    return Request([Message.of("user", text)], max_output_tokens=tokens, thinking_effort="none", cache=cache)


def _summary_tokens(threshold: int) -> int:
    return min(SUMMARY_TOKENS_MAX, threshold // SUMMARY_SHARE)


def _tokens(request: Request, length: Length) -> float:
    return estimate_range(request, length.model)[1] * length.ratio


def _text(text: str, length: Length) -> float:
    return message_tokens(Message.of("user", text), length.model) * length.ratio
