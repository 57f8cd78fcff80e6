"""Edits of models.yaml: text in, text out, everything else in the file byte for byte as it was.

Every edit is proved before it is returned: the new text is loaded, and what it says is what the old text said plus
the change that was asked. An edit that cannot keep that promise (a provider that others take over by an alias, a
layout that was not thought of) is refused with ``EditError``; the file is never left half right. ``ConfigError``
comes when the outcome is not a valid file, also because of what was wrong with it before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from kruxos.config.load import load, pasted_keys
from kruxos.config.model import ROLE_NAMES, RoleName
from kruxos.config.problems import ConfigError, EditError
from kruxos.config.render import Plain
from kruxos.config.surgery import Keys, drop, put
from kruxos.config.tree import parse, values


def add_provider(text: str, name: str, fields: Mapping[str, Plain]) -> str:
    """Adds a provider after the others. ``fields`` in the order in which they are to be written."""
    if name in _providers(text):
        raise EditError(f"there is a provider `{name}` already", f"remove it first: `kruxos model remove {name}`")
    return _proved(text, put(text, ("providers", name), dict(fields)), {("providers", name): dict(fields)})


def remove_provider(text: str, name: str) -> str:
    """Removes a provider, and the defaults that name it."""
    if name not in _providers(text):
        raise EditError(f"there is no provider `{name}`", "`kruxos model list` shows those there are")
    defaults = _map(_map(_plain(text)).get("defaults"))
    paths: list[Keys] = [("providers", name)]
    paths += [("defaults", role) for role in ROLE_NAMES if defaults.get(role) == name]
    return _without(text, paths)


def set_field(text: str, provider: str, key: str, value: Plain) -> str:
    """Sets one field of a provider that is there."""
    if provider not in _providers(text):
        raise EditError(f"there is no provider `{provider}`", "`kruxos model add` adds one")
    path = ("providers", provider, key)
    return _proved(text, put(text, path, value), {path: value})


def remove_field(text: str, provider: str, key: str) -> str:
    """Removes one field of a provider, so that its default holds."""
    return _without(text, [("providers", provider, key)])


def set_default(text: str, role: RoleName, name: str | None) -> str:
    """Sets which provider answers for a role; None: no provider."""
    path = ("defaults", role)
    if name is None:
        return _without(text, [path]) if role in _map(_map(_plain(text)).get("defaults")) else text
    return _proved(text, put(text, path, name), {path: name})


def remove_secret_lines(text: str) -> str:
    """Removes the keys that were pasted into providers' entries; ``load.pasted_keys`` gives them beforehand."""
    return _without(text, [cast("Keys", each.path) for each in pasted_keys(text) if each.provider is not None])


_GONE: Any = object()


def _without(text: str, paths: list[Keys]) -> str:
    new = text
    for path in paths:
        new = drop(new, path)
    return _proved(text, new, dict.fromkeys(paths, _GONE))


def _proved(old: str, new: str, changes: Mapping[Keys, Any]) -> str:
    wanted = _plain(old)
    for path, value in changes.items():
        wanted = _changed(wanted, path, value)
    if _normal(_plain_or_nothing(new)) != _normal(wanted):
        raise EditError(
            "this edit would change more of models.yaml than was asked, so it was not made",
            "edit the file by hand: it uses aliases or a layout that cannot be changed in one place",
        )
    load(new)
    return new


def _plain_or_nothing(text: str) -> Any:
    try:
        return _plain(text)
    except ConfigError:  # the edit made something that is not YAML any more
        return _GONE


def _changed(data: Any, path: Keys, value: Any) -> dict[str, Any]:
    """The plain data with one value set or gone."""
    key, rest = path[0], path[1:]
    here = dict(_map(data))
    if rest:
        here[key] = _changed(here.get(key), rest, value)
    elif value is _GONE:
        here.pop(key, None)
    else:
        here[key] = value
    return here


def _normal(value: Any) -> Any:
    """For comparing: an empty map and nothing at all are the same, and so are tuples and lists."""
    if isinstance(value, Mapping):
        return {key: _normal(inner) for key, inner in cast("Mapping[str, Any]", value).items()} or None
    if isinstance(value, (list, tuple)):
        return [_normal(inner) for inner in cast("list[Any]", value)]
    return value


def _plain(text: str) -> Any:
    return values(parse(text).root).data


def _map(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _providers(text: str) -> dict[str, Any]:
    return _map(_map(_plain(text)).get("providers"))
