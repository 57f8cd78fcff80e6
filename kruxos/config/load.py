"""models.yaml's text to a ``ModelsConfig``, or to everything that is wrong with it at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from kruxos.config.model import (
    MEMORY_MAX_BYTES,
    PROVIDER_NAME,
    ROLE_NAMES,
    Budgets,
    Defaults,
    ModelsConfig,
    Provider,
    Telemetry,
)
from kruxos.config.pasted import Pasted, find_pasted, shown
from kruxos.config.problems import ConfigError
from kruxos.config.report import Report
from kruxos.config.resolve import Inherited, alerts_of, http_of, memory_max_of, provider_of
from kruxos.config.schema import ProviderFields, TopFields, check
from kruxos.config.tree import parse, values

PROVIDERS_MAX = 256


def load(text: str) -> ModelsConfig:
    """What ``text`` says. Raises ``ConfigError`` with every problem; no secret in the text is repeated anywhere."""
    tree = parse(text)
    found = values(tree.root)
    report = Report(found)
    pasted = list(find_pasted(found))
    config = _config(values(tree.root, {each.path for each in pasted}).data, report)
    problems = [*tree.problems, *(each.problem for each in pasted), *report.problems]
    if problems:
        raise ConfigError(problems)
    return replace(config, hints=tuple(sorted(report.hints)))


def pasted_keys(text: str) -> list[Pasted]:
    """The keys that stand in ``text``, whatever else is wrong with it. Raises ``ConfigError`` where it is not YAML."""
    return list(find_pasted(values(parse(text).root)))


def _config(data: Any, report: Report) -> ModelsConfig:
    if data is not None and not isinstance(data, dict):
        report.wrong((), "the file must be a map", "begin it with `providers:`")
        return ModelsConfig()
    fields: dict[str, Any] = dict(cast("dict[str, Any]", data or {}))
    written = _written_providers(fields.pop("providers", None), report)
    top = check(TopFields, fields, report) or TopFields()
    isolation = top.isolation or "best_effort"
    proxy = None if top.proxy == "none" else top.proxy
    memory_max_bytes = memory_max_of(top, report) or MEMORY_MAX_BYTES
    inherited = Inherited(proxy, top.ca_bundle, isolation, top.retired_models or "translate", memory_max_bytes)
    read = {name: _fields(name, value, report) for name, value in written.items()}
    good = {
        name: provider_of(name, fields, inherited, report.below("providers", name))
        for name, fields in read.items()
        if fields is not None
    }
    defaults = Defaults(**top.defaults.model_dump()) if top.defaults else Defaults()
    _check_defaults(defaults, written, good, report.below("defaults"))
    return ModelsConfig(
        providers=good,
        defaults=defaults,
        isolation=isolation,
        operators=tuple(top.operators or ()),
        agents=tuple(top.agents or ()),
        agents_group=top.agents_group,
        http=http_of(top.http, report.below("http")),
        budgets=Budgets(
            top.budgets or (), {name: fields.budget for name, fields in read.items() if fields and fields.budget}
        ),
        alerts=alerts_of(top.alerts, inherited, report.below("alerts")),
        telemetry=Telemetry(**top.telemetry.model_dump(exclude_none=True)) if top.telemetry else Telemetry(),
    )


def _written_providers(value: Any, report: Report) -> dict[str, Any]:
    if value is not None and not isinstance(value, dict):
        report.wrong("providers", "must be a map of names", "write each provider's name below it, indented")
        return {}
    written = cast("dict[str, Any]", value or {})
    if len(written) > PROVIDERS_MAX:
        report.wrong("providers", f"there are more than {PROVIDERS_MAX} providers")
        return {}
    return written


def _fields(name: str, value: Any, report: Report) -> ProviderFields | None:
    here = report.below("providers", name)
    if not PROVIDER_NAME.fullmatch(name):
        here.wrong((), "this name cannot be used", _name_fix(name))
    return check(ProviderFields, value, here)


def _name_fix(name: str) -> str:
    small = name.lower().replace(" ", "-")
    usable = PROVIDER_NAME.fullmatch(small) and shown(small) == small
    return f"call it `{small}`" if usable else "small letters, digits and . _ - only, 63 at most"


def _check_defaults(defaults: Defaults, written: Mapping[str, Any], good: Mapping[str, Provider], at: Report) -> None:
    for role in ROLE_NAMES:
        name = defaults.for_role(role)
        if name is None:
            continue
        if name not in written:
            fix = f"one of {', '.join(map(shown, written))}" if written else "add it: `kruxos model add`"
            at.wrong(role, "there is no provider of this name", fix)
        elif name in good and not good[name].enabled:
            at.hint(role, "this provider is not enabled", f"set `enabled: true` at {name}, or choose another")
