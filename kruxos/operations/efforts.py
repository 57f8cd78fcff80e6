"""The table of efforts: what each level of ``thinking_effort`` becomes at each provider, as its encoder says it.

Nothing here knows a provider's ways: a request is encoded with and without a level, and the difference is the row.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from kruxos import catalog
from kruxos.catalog import documented
from kruxos.dialects.base import EncodedRequest, Target
from kruxos.dialects.profiles import PROFILES, Profile
from kruxos.dialects.registry import DIALECTS
from kruxos.messages import THINKING_EFFORTS, Message, Request, ThinkingEffort
from kruxos.operations.base import Context, Operation
from kruxos.operations.offers import OFFERS

_UNSAID = "nothing"


@dataclass(frozen=True, slots=True)
class Said:
    """One level: ``sent`` is what it changes in the request's body; ``why`` is told, or why it is not as documented."""

    level: str
    sent: str
    documented: str
    why: str


@dataclass(slots=True)
class Group:
    """Models of one provider to which the levels are said alike."""

    provider: str
    models: list[str]
    rows: tuple[Said, ...] = field(default=())


def effort_groups(today: str) -> list[Group]:
    """The groups of all providers that documentation has; the one with the provider's default model comes first."""
    groups: list[Group] = []
    for name in documented.EFFORTS:
        groups += _groups_of(PROFILES[name], today)
    return groups


def default_model(profile: Profile, today: str) -> str:
    """The model that `kruxos model add` takes on a day (ISO) for a provider of this profile."""
    offered = OFFERS[profile.name].model
    instead = catalog.replacement(profile.catalogue or profile.name, offered, today)
    return offered if instead is None else instead.new


def _groups_of(profile: Profile, today: str) -> Iterator[Group]:
    found: dict[tuple[Said, ...], Group] = {}
    for model in _models(profile, today):
        rows = tuple(_said(profile, model, level) for level in THINKING_EFFORTS)
        found.setdefault(rows, Group(profile.name, [], rows)).models.append(model)
    yield from found.values()


def _models(profile: Profile, today: str) -> list[str]:
    sold = profile.name
    others = [row.id for row in catalog.models() if row.profile == sold and not row.is_retired(today)]
    return list(dict.fromkeys([default_model(profile, today), *others]))


def _said(profile: Profile, model: str, level: ThinkingEffort) -> Said:
    plain, told = (_encoded(profile, model, effort) for effort in (None, level))
    before, after = json.loads(plain.http.body), json.loads(told.http.body)
    changed = {name: value for name, value in after.items() if value != before.get(name)}
    why = "; ".join(notice.message for notice in told.notices if notice not in plain.notices)
    in_documentation = documented.EFFORTS[profile.name][level]
    sent = json.dumps(changed) if changed else _UNSAID
    return Said(level, sent, in_documentation, why.replace(model, "the model") or _why(level, sent, in_documentation))


def _encoded(profile: Profile, model: str, effort: ThinkingEffort | None) -> EncodedRequest:
    target = Target(profile.name, model, profile, profile.name, stream=False)
    request = Request([Message.of("user", "hi")], thinking_effort=effort)
    return DIALECTS[profile.dialect].encode_request(request, target)


def _why(level: str, sent: str, in_documentation: str) -> str:
    """Where nothing had to change: the model has the level, whatever the documentation makes of it."""
    if sent == _UNSAID:
        as_it_is = in_documentation in (level, "ignored", "not offered")
        return "" if as_it_is else "the model does this without a word"
    if in_documentation in (level, {"high": "true", "none": "false"}.get(level)):
        return ""
    return "" if f'"{in_documentation}"' in sent else "the model offers this level"


def markdown(today: str) -> str:
    """The table as it stands in docs/providers.md."""
    lines: list[str] = []
    for group in effort_groups(today):
        lines += [f"**{group.provider}**: {', '.join(group.models)}", ""]
        lines += ["| level | sent | documented | what is told, or why it differs |", "|---|---|---|---|"]
        lines += [f"| {row.level} | `{row.sent}` | {row.documented} | {row.why} |" for row in group.rows]
        lines.append("")
    return "\n".join(lines)


async def list_efforts(_context: Context, _arguments: dict[str, Any]) -> dict[str, Any]:
    """What each level becomes at each provider, today's default model first."""
    import time  # noqa: PLC0415 - the table itself is told the day

    groups = effort_groups(catalog.day_of(time.time()))
    return {
        "groups": [
            {
                "provider": group.provider,
                "models": group.models,
                "levels": [
                    {"level": row.level, "sent": row.sent, "documented": row.documented, "why": row.why}
                    for row in group.rows
                ],
            }
            for group in groups
        ]
    }


OPERATIONS = (Operation("model.efforts", list_efforts, reads=True),)
