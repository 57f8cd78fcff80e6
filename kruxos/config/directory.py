"""The data directory: where everything is, made so that only its owner can use it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kruxos.config.files import DIRECTORY_MODE, require_safe, sync_directory, unsafe
from kruxos.config.problems import SetupError, UnsafePathError
from kruxos.paths import agent_socket, control_socket, data_directory

SOCKET_PATH_BYTES_MAX = 100


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """Names of what lies in the data directory ``root``, an absolute path that need not exist yet."""

    root: Path

    @classmethod
    def find(cls) -> DataDirectory:
        """The one of this machine and user: see ``kruxos.paths.data_directory``."""
        return cls(data_directory())

    @property
    def models(self) -> Path:
        """models.yaml."""
        return self.root / "models.yaml"

    @property
    def vault(self) -> Path:
        """The vault's records."""
        return self.root / "vault.db"

    @property
    def vault_key(self) -> Path:
        """The vault's master key, where it is kept in a file."""
        return self.root / "vault.key"

    @property
    def ledger(self) -> Path:
        """Calls, usage, agents."""
        return self.root / "ledger.db"

    @property
    def events(self) -> Path:
        """The journal: what happened here, and who did what."""
        return self.root / "events.jsonl"

    @property
    def jobs(self) -> Path:
        """Batches under way."""
        return self.root / "jobs"

    @property
    def logs(self) -> Path:
        """Log files."""
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """What belongs to the running gateway."""
        return self.root / "run"

    @property
    def run_agents(self) -> Path:
        """Directory of the agents' sockets."""
        return agent_socket(self.root).parent

    @property
    def run_control(self) -> Path:
        """Directory of the operators' socket."""
        return control_socket(self.root).parent

    @property
    def lock(self) -> Path:
        """The lock that whoever writes here holds."""
        return self.run / "lock"

    def create(self) -> None:
        """Makes the directories that are missing, for the owner alone, and checks all.

        Raises ``UnsafePathError``; ``SetupError`` where they cannot be made.
        """
        require_safe(self.root, kind="directory", private=False)
        try:
            self.root.parent.mkdir(parents=True, exist_ok=True)
            for path in self._directories():
                path.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
            sync_directory(self.root)
        except OSError as error:
            raise SetupError(
                f"the data directory {self.root} cannot be made: {error.strerror}",
                "set KRUXOS_DATA_DIR to a directory that you can write",
            ) from error
        self.check()

    def check(self) -> None:
        """Raises the first of ``problems``."""
        for problem in self.problems():
            raise problem

    def problems(self) -> Iterator[SetupError]:
        """Everything about the directory that is not safe."""
        yield from self._unsafe_paths()
        longest = max(len(bytes(socket(self.root))) for socket in (agent_socket, control_socket))
        if longest > SOCKET_PATH_BYTES_MAX:
            yield SetupError(
                f"the path {self.root} is too long for the sockets in it by {longest - SOCKET_PATH_BYTES_MAX} bytes",
                "set KRUXOS_DATA_DIR to a directory with a shorter path",
            )

    def _unsafe_paths(self) -> Iterator[UnsafePathError]:
        for path in self._directories():
            # In a system-wide installation others pass through root and run to the sockets.
            problem = unsafe(path, kind="directory", private=path in (self.jobs, self.logs))
            if problem is not None:
                yield problem
        for path in (self.models, self.vault, self.vault_key, self.ledger, self.events):
            problem = unsafe(path, private=path != self.models)
            if problem is not None:
                yield problem

    def _directories(self) -> tuple[Path, ...]:
        return (self.root, self.jobs, self.logs, self.run, self.run_agents, self.run_control)
