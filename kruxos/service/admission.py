"""Who may open the sockets.

User mode: the gateway's own user and nobody else. System mode, where models.yaml names others: ``agents`` and
``agents_group`` at the agents' socket, ``operators`` and root at the operators'.

Users and groups are looked up once, at the start; the modes of the sockets and of the way to them follow.
"""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Iterable
from dataclasses import dataclass, field

from kruxos.config.directory import DataDirectory
from kruxos.config.model import ModelsConfig
from kruxos.config.problems import SetupError
from kruxos.transport import Peer

PRIVATE_SOCKET, GROUP_SOCKET, OPEN_SOCKET = 0o600, 0o660, 0o666
PRIVATE_WAY, GROUP_WAY, OPEN_WAY = 0o700, 0o710, 0o711


@dataclass(frozen=True, slots=True)
class Admission:
    """Numbers of users. ``group`` may open the agents' socket by the file's own mode; ``members`` are its users."""

    owner: int
    agents: frozenset[int] = frozenset()
    group: int | None = None
    members: frozenset[int] = frozenset()
    operators: frozenset[int] = frozenset()
    names: dict[int, str] = field(default_factory=dict[int, str])

    @classmethod
    def of(cls, config: ModelsConfig, owner: int) -> Admission:
        """As models.yaml says. Raises ``SetupError`` for a user or group that this machine does not have."""
        group = None if config.agents_group is None else _group(config.agents_group)
        members = frozenset[int]() if group is None else frozenset(_members(group))
        agents = frozenset(map(_user, config.agents))
        named = {uid: name for uid in agents | members if (name := _name(uid))}
        return cls(owner, agents, group, members, frozenset(map(_user, config.operators)), named)

    def may_ask(self, peer: Peer) -> bool:
        """Whether a process may come in as an agent."""
        return peer.uid == self.owner or peer.uid in self.agents or peer.uid in self.members

    def may_operate(self, peer: Peer) -> bool:
        """Whether a process may operate the gateway."""
        return peer.uid in (self.owner, 0) or peer.uid in self.operators

    @property
    def agents_mode(self) -> int:
        """Of the agents' sockets: what the file cannot say (users beside a group), ``may_ask`` does."""
        if self.agents:
            return OPEN_SOCKET
        return PRIVATE_SOCKET if self.group is None else GROUP_SOCKET

    @property
    def control_mode(self) -> int:
        """Of the operators' socket."""
        return OPEN_SOCKET if self.operators else PRIVATE_SOCKET

    def open_ways(self, data: DataDirectory) -> None:
        """Lets others pass to their sockets, and nowhere else. Raises ``OSError``."""
        if self.agents or self.operators or self.group is not None:
            data.root.chmod(OPEN_WAY)
            data.run.chmod(OPEN_WAY)
        ways = {PRIVATE_SOCKET: PRIVATE_WAY, GROUP_SOCKET: GROUP_WAY, OPEN_SOCKET: OPEN_WAY}
        data.run_agents.chmod(ways[self.agents_mode])
        data.run_control.chmod(ways[self.control_mode])
        if self.group is not None:
            os.chown(data.run_agents, -1, self.group)


def _user(named: int | str) -> int:
    if isinstance(named, int):
        return named
    try:
        return pwd.getpwnam(named).pw_uid
    except KeyError:
        raise SetupError(f"models.yaml names the user {named}, whom this machine does not have", "correct it") from None


def _group(named: int | str) -> int:
    if isinstance(named, int):
        return named
    try:
        return grp.getgrnam(named).gr_gid
    except KeyError:
        message = f"models.yaml names the group {named}, which this machine does not have"
        raise SetupError(message, f"groupadd --system {named}") from None


def _members(group: int) -> Iterable[int]:
    """The users whose group it is, and those that are in it besides."""
    try:
        besides = grp.getgrgid(group).gr_mem
    except KeyError:
        besides = []
    return [each.pw_uid for each in pwd.getpwall() if each.pw_gid == group or each.pw_name in besides]


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""
